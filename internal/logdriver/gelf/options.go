package gelf

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"

	"berth/internal/fault"
	"berth/internal/logdriver/source"
)

// options are what the log options say.
type options struct {
	network, address string
	compression      string // "gzip", "zlib", "none"
	level            int
	reconnects       int
	delay            int // seconds before one
}

// Check refuses options that the driver cannot do, in Docker's words.
func Check(o map[string]string) error {
	if _, err := parse(o); err != nil {
		return err
	}
	return source.Check(o)
}

func parse(o map[string]string) (options, error) {
	p := options{compression: "gzip", level: flate.BestSpeed, reconnects: 3, delay: 1}
	u, err := parseAddress(o["gelf-address"])
	if err != nil {
		return p, err
	}
	p.network, p.address = u.Scheme, u.Host
	for key, value := range o {
		switch key {
		case "gelf-address", "tag", "labels", "labels-regex", "env", "env-regex":
		case "gelf-compression-type", "gelf-compression-level":
			err = p.compress(key, value)
		case "gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay":
			err = p.reconnect(key, value)
		default:
			err = fault.New(fault.Invalid, "unknown log opt %q for gelf log driver", key)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *options) compress(key, value string) error {
	if p.network != "udp" {
		return fault.New(fault.Invalid, "compression is only supported on UDP")
	}
	ok := false
	if key == "gelf-compression-type" {
		ok = value == "gzip" || value == "zlib" || value == "none"
		p.compression = value
	} else {
		n, err := strconv.Atoi(value)
		ok = err == nil && n >= flate.DefaultCompression && n <= flate.BestCompression
		p.level = n
	}
	if !ok {
		return fault.New(fault.Invalid, "unknown value %q for log opt %q for gelf log driver", value, key)
	}
	return nil
}

func (p *options) reconnect(key, value string) error {
	if p.network != "tcp" {
		return fault.New(fault.Invalid, "%q is only valid for TCP", key)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return fault.New(fault.Invalid, "%q must be a positive integer", key)
	}
	if key == "gelf-tcp-max-reconnect" {
		p.reconnects = n
	} else {
		p.delay = n
	}
	return nil
}

func parseAddress(address string) (*url.URL, error) {
	if address == "" {
		return nil, fault.New(fault.Invalid, "gelf-address is a required parameter")
	}
	if scheme, _, _ := strings.Cut(address, "://"); !slices.Contains([]string{"tcp", "udp", "tcp+tls", "unix", "unixgram"}, scheme) {
		return nil, fault.New(fault.Invalid, "gelf-address should be in form proto://address, got %v", address)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	if u.Scheme != "udp" && u.Scheme != "tcp" {
		return nil, fault.New(fault.Invalid, "gelf: endpoint needs to be TCP or UDP")
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil {
		return nil, fault.New(fault.Invalid, "gelf: please provide gelf-address as proto://host:port")
	}
	return u, nil
}
