//go:build linux

// Package firewall is the one nftables table of a daemon: address translation,
// published ports, and what networks may say to each other and to the world.
//
// Chains and rules are written once and know no network by name. What there is
// stands in sets and maps, so that a network, or a published port, is a few
// elements more, and the way of a packet does not grow with their number.
//
//	set bridges       { link }                              all networks
//	set talking       { link . link }                       a bridge twice: its containers may talk to each other
//	set internal      { link }                              networks without the world
//	set masqueraded   { address-range }                     subnets that go out under the host's address
//	map ports         { proto . port           : address . port }   published on every address
//	map ports_ip      { address . proto . port : address . port }   published on one address
//
// Only verdicts of other tables can forbid more: an accept here ends this
// chain alone, so the host's own firewall stays in force.
package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"berth/internal/network/port"
)

// Network is what the table knows of a network.
type Network struct {
	Bridge     string       // name of the link
	Subnet     netip.Prefix // IPv4
	Internal   bool         // nothing passes between it and the world
	Isolated   bool         // its containers cannot talk to each other
	Masquerade bool         // it goes out under the host's address
}

// Published is the ports of the container at an address.
type Published struct {
	Address netip.Addr
	Ports   []port.Binding
}

// Firewall is one table. Its methods may be called from any goroutine.
type Firewall struct {
	mu       sync.Mutex // serialises transactions on conn
	conn     *nftables.Conn
	table    *nftables.Table
	sets     sets
	networks map[string]Network // by bridge
}

// Open opens the netlink socket in ns; nothing is written yet.
func Open(ns *os.File) (*Firewall, error) {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(int(ns.Fd())))
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket for nftables: %w", err)
	}
	return &Firewall{conn: conn}, nil
}

// Reset writes the whole table anew in one transaction: packets see the old
// table or the new one, never a gap. A table of that name is replaced.
func (f *Firewall) Reset(name string, networks []Network, published []Published) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table = &nftables.Table{Family: nftables.TableFamilyIPv4, Name: name}
	f.conn.AddTable(f.table) // so that the deletion cannot fail
	f.conn.DelTable(f.table)
	f.conn.AddTable(f.table)
	f.networks = map[string]Network{}
	for _, n := range networks {
		f.networks[n.Bridge] = n
	}
	f.sets = newSets(f.table)
	content := f.sets.networks(f.networks)
	for _, p := range published {
		content = append(content, f.sets.ports(p.Address, p.Ports)...)
	}
	for _, set := range f.sets.all() {
		if err := f.conn.AddSet(set, elementsOf(content, set)); err != nil {
			return err
		}
	}
	for _, c := range chains(f.sets) {
		chain := f.conn.AddChain(c.chain(f.table))
		for _, r := range c.rules {
			f.conn.AddRule(&nftables.Rule{Table: f.table, Chain: chain, Exprs: r})
		}
	}
	if err := f.commit(); err != nil {
		return fmt.Errorf("write the nftables table %s: %w", name, err)
	}
	return nil
}

// Add lets a network in; one with the same bridge is replaced.
func (f *Firewall) Add(n Network) error {
	return f.change(n.Bridge, func(all map[string]Network) { all[n.Bridge] = n })
}

// Remove takes the network of a bridge out. One that is not there is no error.
func (f *Firewall) Remove(bridge string) error {
	return f.change(bridge, func(all map[string]Network) { delete(all, bridge) })
}

// change rewrites the sets of networks in one transaction.
func (f *Firewall) change(bridge string, edit func(map[string]Network)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, had := f.networks[bridge]
	edit(f.networks)
	content := f.sets.networks(f.networks)
	err := func() error {
		for _, set := range f.sets.ofNetworks() {
			f.conn.FlushSet(set)
			if err := f.conn.SetAddElements(set, elementsOf(content, set)); err != nil {
				return err
			}
		}
		return f.commit()
	}()
	if err != nil {
		delete(f.networks, bridge)
		if had {
			f.networks[bridge] = before
		}
		return fmt.Errorf("change the firewall for the bridge %s: %w", bridge, err)
	}
	return nil
}

// Publish adds the ports of the container at ip.
func (f *Firewall) Publish(ip netip.Addr, ports []port.Binding) error {
	return f.edit(ip, ports, f.conn.SetAddElements, "publish ports")
}

// Unpublish takes them out again. What is not there any more is no error. As
// a transaction fails as a whole, ports then go one by one.
func (f *Firewall) Unpublish(ip netip.Addr, ports []port.Binding) error {
	err := f.edit(ip, ports, f.conn.SetDeleteElements, "take back published ports")
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	var errs []error
	for i := range ports {
		err := f.edit(ip, ports[i:i+1], f.conn.SetDeleteElements, "take back published ports")
		if !errors.Is(err, unix.ENOENT) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *Firewall) edit(ip netip.Addr, ports []port.Binding,
	do func(*nftables.Set, []nftables.SetElement) error, what string) error {
	if len(ports) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	content := f.sets.ports(ip, ports)
	for _, set := range []*nftables.Set{f.sets.published, f.sets.publishedAt} {
		if list := elementsOf(content, set); len(list) > 0 {
			if err := do(set, list); err != nil {
				return err
			}
		}
	}
	if err := f.commit(); err != nil {
		return fmt.Errorf("%s of %s: %w", what, ip, err)
	}
	return nil
}

// commit sends the transaction. After a failure, answers may still wait in the
// lasting socket and would be taken for those of the next transaction:
// it is closed, and conn opens one a transaction from then on.
func (f *Firewall) commit() error {
	err := f.conn.Flush()
	if err != nil {
		_ = f.conn.CloseLasting()
	}
	return err
}

// Delete deletes the table.
func (f *Firewall) Delete() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn.DelTable(f.table)
	if err := f.commit(); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// Close gives the socket back; the table stays.
func (f *Firewall) Close() error { return f.conn.CloseLasting() }

func protocol(name string) byte {
	switch name {
	case "udp":
		return unix.IPPROTO_UDP
	case "sctp":
		return unix.IPPROTO_SCTP
	}
	return unix.IPPROTO_TCP
}

// key encodes a protocol and a port. In a concatenation every field takes a
// multiple of four bytes, padded behind.
func key(proto string, number uint16) []byte {
	k := []byte{protocol(proto), 0, 0, 0}
	return append(binary.BigEndian.AppendUint16(k, number), 0, 0)
}
