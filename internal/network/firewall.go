//go:build linux

package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// firewall is the daemon's one nftables table, `ip berth_<bridge>`. Chains
// and rules are written once; publishing a port is one element of a map.
//
//	map ports    { proto . port           : address . port }   published on every address
//	map ports_ip { address . proto . port : address . port }   published on one address
//
// Only verdicts of other tables can forbid more: an accept here ends this
// chain alone, so the host's own firewall stays in force.
type firewall struct {
	mu      sync.Mutex // serialises transactions on conn
	conn    *nftables.Conn
	table   *nftables.Table
	ports   *nftables.Set
	portsIP *nftables.Set
}

// openFirewall opens the netlink socket in ns; nothing is written yet.
func openFirewall(ns *os.File) (*firewall, error) {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(int(ns.Fd())))
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket for nftables: %w", err)
	}
	return &firewall{conn: conn}, nil
}

// reset writes the whole table anew in one transaction: packets see the old
// table or the new one, never a gap. A table of an earlier daemon is replaced.
func (f *firewall) reset(bridge string, subnet netip.Prefix, published []Endpoint) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table = &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName(bridge)}
	f.conn.AddTable(f.table) // so that the deletion cannot fail
	f.conn.DelTable(f.table)
	f.conn.AddTable(f.table)

	target := nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)
	f.ports = &nftables.Set{
		Table: f.table, Name: "ports", ID: 1, IsMap: true, DataType: target,
		KeyType: nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeInetService),
	}
	f.portsIP = &nftables.Set{
		Table: f.table, Name: "ports_ip", ID: 2, IsMap: true, DataType: target,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService),
	}
	var any, one []nftables.SetElement
	for _, e := range published {
		a, o := elements(e.Address.Addr(), e.Ports)
		any, one = append(any, a...), append(one, o...)
	}
	if err := f.conn.AddSet(f.ports, any); err != nil {
		return err
	}
	if err := f.conn.AddSet(f.portsIP, one); err != nil {
		return err
	}
	for _, c := range chains(bridge, subnet) {
		chain := f.conn.AddChain(c.chain(f.table))
		for _, r := range c.rules {
			f.conn.AddRule(&nftables.Rule{Table: f.table, Chain: chain, Exprs: r})
		}
	}
	if err := f.commit(); err != nil {
		return fmt.Errorf("write the nftables table %s: %w", f.table.Name, err)
	}
	return nil
}

// publish adds the ports of the container at ip.
func (f *firewall) publish(ip netip.Addr, ports []PortBinding) error {
	return f.change(ip, ports, f.conn.SetAddElements, "publish ports")
}

// unpublish takes them out again. What is not there any more is no error. As
// a transaction fails as a whole, ports then go one by one.
func (f *firewall) unpublish(ip netip.Addr, ports []PortBinding) error {
	err := f.change(ip, ports, f.conn.SetDeleteElements, "take back published ports")
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	var errs []error
	for i := range ports {
		err := f.change(ip, ports[i:i+1], f.conn.SetDeleteElements, "take back published ports")
		if !errors.Is(err, unix.ENOENT) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *firewall) change(ip netip.Addr, ports []PortBinding,
	edit func(*nftables.Set, []nftables.SetElement) error, what string) error {
	if len(ports) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	any, one := elements(ip, ports)
	if len(any) > 0 {
		if err := edit(f.ports, any); err != nil {
			return err
		}
	}
	if len(one) > 0 {
		if err := edit(f.portsIP, one); err != nil {
			return err
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
func (f *firewall) commit() error {
	err := f.conn.Flush()
	if err != nil {
		_ = f.conn.CloseLasting()
	}
	return err
}

// remove deletes the table.
func (f *firewall) remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn.DelTable(f.table)
	if err := f.commit(); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

func (f *firewall) close() error { return f.conn.CloseLasting() }

func tableName(bridge string) string { return "berth_" + bridge }

// elements encodes bindings as map elements. In a concatenation every
// field takes a multiple of four bytes, padded behind.
func elements(ip netip.Addr, ports []PortBinding) (any, one []nftables.SetElement) {
	for _, p := range ports {
		key := []byte{protocol(p.Proto), 0, 0, 0}
		key = append(binary.BigEndian.AppendUint16(key, p.HostPort), 0, 0)
		val := append(binary.BigEndian.AppendUint16(ip.AsSlice(), p.Port), 0, 0)
		if everywhere(p.HostIP) {
			any = append(any, nftables.SetElement{Key: key, Val: val})
			continue
		}
		one = append(one, nftables.SetElement{Key: append(p.HostIP.AsSlice(), key...), Val: val})
	}
	return any, one
}

// everywhere reports whether a host address stands for all of them.
func everywhere(ip netip.Addr) bool { return !ip.IsValid() || ip.IsUnspecified() }

func protocol(name string) byte {
	switch name {
	case "udp":
		return unix.IPPROTO_UDP
	case "sctp":
		return unix.IPPROTO_SCTP
	}
	return unix.IPPROTO_TCP
}
