package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"berth/internal/fault"
	"berth/internal/linux/netns"
)

// maxHeader bounds the header that a container can have the daemon keep, in bytes.
const maxHeader = 64 << 10

// address reads the place of a probe. Names are the container's to resolve, and
// nothing runs in it: only localhost has a meaning here.
func address(host, port string) ([]netip.AddrPort, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fault.New(fault.Invalid, "invalid port in Healthcheck: %q", port)
	}
	if host == "" || host == "localhost" {
		return []netip.AddrPort{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(n)), netip.AddrPortFrom(netip.IPv6Loopback(), uint16(n)),
		}, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Zone() != "" {
		return nil, fault.New(fault.Invalid, "invalid host in Healthcheck: %q is neither an IP address nor localhost", host)
	}
	return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), uint16(n))}, nil
}

// connect dials the first of the addresses that answers, in the container's network.
func connect(ctx context.Context, t Target, to []netip.AddrPort) (net.Conn, error) {
	ns, err := t.NetNS()
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	var errs []error
	for _, addr := range to {
		conn, err := netns.Dial(ctx, ns, addr)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errs[0] // what comes after localhost's first address says the same
}

// tcp probes by connecting.
func tcp(where string) (probe, error) {
	host, port, err := net.SplitHostPort(where)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid address in Healthcheck: %q is not host:port", where)
	}
	to, err := address(host, port)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, t Target, out io.Writer, timeout time.Duration) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := connect(ctx, t, to)
		if err != nil {
			return refused(ctx, out, err)
		}
		fmt.Fprintf(out, "connected to %s", conn.RemoteAddr())
		return 0, conn.Close()
	}, nil
}

// refused is a probe that the container has not answered as it should.
func refused(ctx context.Context, out io.Writer, err error) (int, error) {
	if ctx.Err() != nil {
		return -1, ctx.Err()
	}
	fmt.Fprint(out, err)
	return 1, nil
}

// web probes by a GET, which has to be answered with a status from 200 to 399.
// A redirection is an answer: what it points to may be anywhere.
func web(where string) (probe, error) {
	u, err := url.Parse(where)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Invalid, "invalid URL in Healthcheck: %q", where)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	to, err := address(u.Hostname(), port)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, t Target, out io.Writer, timeout time.Duration) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return get(ctx, where, out, func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx, t, to) })
	}, nil
}

// get asks once, over a connection of its own. What the container answers is
// nothing to rely on: only so much of it is taken, and for so long.
func get(ctx context.Context, where string, out io.Writer, dial func(ctx context.Context, network, addr string) (net.Conn, error)) (int, error) {
	client := http.Client{
		Transport: &http.Transport{
			DialContext: dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
			// Whom the certificate is for is not the question.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return -1, err
	}
	req.Header.Set("User-Agent", "berth-healthcheck")
	resp, err := client.Do(req)
	if err != nil {
		return refused(ctx, out, bare(err))
	}
	defer resp.Body.Close()
	fmt.Fprintf(out, "%s %s\n", resp.Proto, resp.Status)
	if _, err := io.Copy(out, io.LimitReader(resp.Body, maxOutput)); err != nil {
		return refused(ctx, out, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return 1, nil
	}
	return 0, nil
}

// bare takes off what the client puts in front of an error: the URL may have a password.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
