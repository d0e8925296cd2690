//go:build linux

package network

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"

	"berth/internal/fault"
	"berth/internal/linux/netns"
)

// Config says how the predefined networks are to be.
type Config struct {
	Root   string         // the daemon's exec root: what tells two daemons on a host apart
	Bridge string         // name of the bridge; "" = berth0, or berth-<hash> when that is taken
	BIP    netip.Prefix   // the bridge's address with its length; zero = the first free pool
	MTU    int            // bytes; 0 = 1500
	Pools  []netip.Prefix // subnets to choose from, in order; nil = DefaultPools
	Warm   int            // namespaces of each kind kept ready; 0 = 6
}

// Service owns the predefined networks of one daemon. All methods may be
// called concurrently. Life: Open, Restore once, Connect and Disconnect, Close.
//
// Locks: mu guards endpoints, and the state of set-up; the firewall,
// the port table and the addresses have their own, which are taken alone.
type Service struct {
	cfg   Config
	host  *hostNS
	links *netns.Socket
	fw    *firewall
	ports *portTable
	none  *pool[*os.File]

	background sync.WaitGroup // conntrack searches

	mu        sync.Mutex
	endpoints map[string]Endpoint // by EndpointID
	bridge    *bridge             // nil until Restore; not changed after
	addresses *addresses
	warm      *pool[*sandbox]
	closed    bool
}

// Open prepares the service in the calling thread's network namespace, which
// plays the host from then on. Nothing is changed on the host before Restore.
func Open(_ context.Context, cfg Config) (*Service, error) {
	if cfg.MTU == 0 {
		cfg.MTU = 1500
	}
	if cfg.Pools == nil {
		cfg.Pools = DefaultPools()
	}
	if cfg.Warm == 0 {
		cfg.Warm = 6
	}
	if cfg.BIP.IsValid() && (!cfg.BIP.Addr().Is4() || cfg.BIP.Bits() > 30 || cfg.BIP.Addr() == cfg.BIP.Masked().Addr()) {
		return nil, fault.New(fault.Invalid, "invalid bridge address %s: an IPv4 address with the length of its subnet is needed", cfg.BIP)
	}
	host, err := openHost()
	if err != nil {
		return nil, err
	}
	links, err := netns.OpenSocket(host.file)
	if err != nil {
		return nil, errors.Join(err, host.file.Close())
	}
	fw, err := openFirewall(host.file)
	if err != nil {
		links.Close()
		return nil, errors.Join(err, host.file.Close())
	}
	return &Service{
		cfg: cfg, host: host, links: links, fw: fw, ports: newPortTable(host),
		none:      newPool(cfg.Warm, makeNone, func(f *os.File) { _ = f.Close() }),
		endpoints: map[string]Endpoint{},
	}, nil
}

// Close ends the service. With removeAll, and when no endpoint is left, the
// bridge and the nftables table go too; otherwise they stay and keep serving
// the running containers. Sockets that hold ports are closed here, so for those
// to stay taken somebody else must have duplicates (Endpoint.Holds).
func (s *Service) Close(_ context.Context, removeAll bool) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	left := len(s.endpoints)
	s.mu.Unlock()

	s.background.Wait()
	s.none.close()
	var errs []error
	if s.bridge != nil {
		s.warm.close()
		if removeAll && left == 0 {
			errs = append(errs, s.fw.remove(), s.host.do(s.bridge.remove))
		}
	}
	for _, e := range s.endpoints {
		s.ports.release(e.Ports...)
	}
	s.links.Close()
	return errors.Join(append(errs, s.fw.close(), s.host.file.Close())...)
}

// usable reports the error of a service that cannot connect anything.
func (s *Service) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fault.New(fault.Unavailable, "the network is shutting down")
	case s.bridge == nil:
		return fault.New(fault.Unavailable, "the default bridge network is not set up yet")
	}
	return nil
}
