//go:build linux

package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Outside is a network namespace beside the host's, joined to it by a cable:
// another machine, as far as the host's network can tell.
type Outside struct {
	t    testing.TB
	ns   netns.NsHandle
	Host string // the host's address as seen from there
}

// Outside makes such a namespace for the rest of the test.
func (d *Daemon) Outside() *Outside {
	d.t.Helper()
	name := d.lane.outside()
	o := &Outside{t: d.t, Host: fmt.Sprintf("10.214.%d.1", d.lane.number)}
	err := onThread(func() error {
		home, err := netns.Get()
		if err != nil {
			return err
		}
		defer home.Close()
		if o.ns, err = netns.New(); err != nil { // this thread is now in it, and ends with it
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "eth0"
		cable := &netlink.Veth{LinkAttrs: attrs, PeerName: name, PeerNamespace: netlink.NsFd(home)}
		if err := netlink.LinkAdd(cable); err != nil {
			return err
		}
		if err := address("eth0", fmt.Sprintf("10.214.%d.2/24", d.lane.number)); err != nil {
			return err
		}
		return address("lo", "")
	})
	if err == nil {
		err = address(name, o.Host+"/24")
	}
	if err != nil {
		d.t.Fatalf("make a network outside: %v", err)
	}
	// The namespace takes its cable along.
	d.t.Cleanup(func() {
		if link, err := netlink.LinkByName(name); err == nil {
			if err := netlink.LinkDel(link); err != nil {
				d.t.Errorf("remove %s: %v", name, err)
			}
		}
		o.ns.Close()
	})
	return o
}

func address(link, cidr string) error {
	l, err := netlink.LinkByName(link)
	if err != nil {
		return err
	}
	if cidr != "" {
		a, err := netlink.ParseAddr(cidr)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(l, a); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(l)
}

// onThread runs fn on a thread of its own, which ends with it: whatever fn
// does to its thread's namespaces is gone after. It is never the first thread,
// whose namespaces are what /proc says of the whole process, and which cannot end.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- fn()
			return // locked: the thread ends
		}
		inner := make(chan error)
		go func() {
			runtime.LockOSThread()
			inner <- fn()
		}()
		done <- <-inner // keeps the first thread until another has been taken
		runtime.UnlockOSThread()
	}()
	return <-done
}

// Dial connects to an address (IP:port) from outside.
func (o *Outside) Dial(ctx context.Context, address string) (net.Conn, error) {
	var conn net.Conn
	err := onThread(func() (err error) {
		if err := netns.Set(o.ns); err != nil {
			return err
		}
		// One address and no timeout of its own: the socket is made on this thread.
		conn, err = new(net.Dialer).DialContext(ctx, "tcp4", address)
		return err
	})
	return conn, err
}

// Get fetches a URL (with an IP as its host) from outside, until that works.
func (o *Outside) Get(url string) string {
	o.t.Helper()
	c := &http.Client{Timeout: Patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, at string) (net.Conn, error) { return o.Dial(ctx, at) },
	}}
	return fetch(o.t, c, url)
}

// Get fetches a URL from the host, until that works.
func Get(t testing.TB, url string) string {
	t.Helper()
	return fetch(t, &http.Client{Timeout: Patience, Transport: &http.Transport{DisableKeepAlives: true}}, url)
}

func fetch(t testing.TB, c *http.Client, url string) string {
	t.Helper()
	var body string
	Eventually(t, "get "+url, func() error {
		resp, err := c.Get(url)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", resp.Status, b)
		}
		body = string(b)
		return err
	})
	return body
}
