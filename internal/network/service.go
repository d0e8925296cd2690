//go:build linux

package network

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/linux/netns"
	"berth/internal/network/address"
	"berth/internal/network/firewall"
	"berth/internal/network/port"
	"berth/internal/state"
)

// Config says how the networks of a daemon are to be.
type Config struct {
	State  *state.Store   // where the networks that users make are written down
	Root   string         // the daemon's exec root: what tells two daemons on a host apart
	Bridge string         // name of the bridge; "" = berth0, or berth-<hash> when that is taken
	BIP    netip.Prefix   // the bridge's address with its length; zero = the first free pool
	MTU    int            // of networks that do not say, in bytes; 0 = 1500
	Pools  []netip.Prefix // subnets to choose from, in order; nil = address.DefaultPools
	// NetworkPools are the subnets for networks that users make without one; nil = address.NetworkPools.
	NetworkPools []netip.Prefix
	Warm         int // namespaces of each kind kept ready; 0 = 6
}

// Service owns the networks of one daemon. All methods may be called
// concurrently. Life: Open, Restore once, the verbs, Close.
//
// Locks: changing is held by who makes or removes a network; books.mu guards
// what there is; the firewall, the port table and the addresses have their own,
// which are taken alone.
type Service struct {
	cfg        Config
	predefined predefined
	host       *hostNS
	links      *netns.Socket
	fw         *firewall.Firewall
	ports      *port.Table
	none       *pool[*os.File]

	background sync.WaitGroup // conntrack searches
	changing   sync.Mutex

	books
}

// Open prepares the service in the calling thread's network namespace, which
// plays the host from then on. Nothing is changed on the host before Restore.
func Open(_ context.Context, cfg Config) (*Service, error) {
	if cfg.MTU == 0 {
		cfg.MTU = 1500
	}
	if cfg.Pools == nil {
		cfg.Pools = address.DefaultPools()
	}
	if cfg.NetworkPools == nil {
		cfg.NetworkPools = address.NetworkPools()
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
	fw, err := firewall.Open(host.file)
	if err != nil {
		links.Close()
		return nil, errors.Join(err, host.file.Close())
	}
	return &Service{
		cfg: cfg, predefined: predefined{cfg.Root, time.Now().UTC(), cfg.MTU}, host: host, links: links, fw: fw, ports: port.NewTable(host),
		none:  newPool(cfg.Warm, makeNone, func(f *os.File) { _ = f.Close() }),
		books: books{endpoints: map[string]Endpoint{}, segments: map[string]*segment{}},
	}, nil
}

// Close ends the service. With removeAll, and when no endpoint is left, the
// bridges and the nftables table go too; otherwise they stay and keep serving
// the running containers. Sockets that hold ports are closed here, so for those
// to stay taken somebody else must have duplicates (Endpoint.Holds).
func (s *Service) Close(_ context.Context, removeAll bool) error {
	s.changing.Lock()
	defer s.changing.Unlock()
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
	if s.standard != nil {
		s.standard.warm.close()
		if removeAll && left == 0 {
			errs = append(errs, s.fw.Delete())
			for _, g := range s.segments {
				errs = append(errs, s.host.Do(g.bridge.remove))
			}
		}
	}
	for _, e := range s.endpoints {
		s.ports.Release(e.Ports...)
	}
	s.links.Close()
	return errors.Join(append(errs, s.fw.Close(), s.host.file.Close())...)
}
