package syslog

import (
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
	"berth/internal/logdriver/source"
)

const (
	secure      = "tcp+tls"
	defaultPort = "514"
	daemon      = 3 // the facility when none is named
)

// facilities are those of RFC 3164 that have names, by their numbers.
func facilities() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
}

// options are what the log options say.
type options struct {
	network, address string // both empty for the machine's own
	facility         int
	format           format
}

// Check refuses options that the driver cannot do, in Docker's words.
func Check(o map[string]string) error {
	for key := range o {
		switch key {
		case "env", "env-regex", "labels", "labels-regex", "tag", "syslog-address", "syslog-facility", "syslog-format",
			"syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key", "syslog-tls-skip-verify":
		default:
			return fault.New(fault.Invalid, "unknown log opt '%s' for syslog log driver", key)
		}
	}
	if _, err := parse(o); err != nil {
		return err
	}
	return source.Check(o)
}

func parse(o map[string]string) (parsed options, err error) {
	if parsed.network, parsed.address, err = parseAddress(o["syslog-address"]); err != nil {
		return parsed, fault.As(fault.Invalid, err)
	}
	if parsed.facility, err = parseFacility(o["syslog-facility"]); err != nil {
		return parsed, err
	}
	parsed.format, err = parseFormat(o["syslog-format"], parsed.network)
	return parsed, err
}

func parseAddress(address string) (network, at string, err error) {
	if address == "" {
		return "", "", nil
	}
	scheme, _, _ := strings.Cut(address, "://")
	if !slices.Contains([]string{"tcp", "udp", secure, "unix", "unixgram"}, scheme) {
		return "", "", fault.New(fault.Invalid, "syslog-address should be in form proto://address, got %v", address)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", err
	}
	if strings.HasPrefix(scheme, "unix") {
		if _, err := os.Stat(u.Path); err != nil {
			return "", "", err
		}
		return scheme, u.Path, nil
	}
	if u.Port() == "" {
		return scheme, net.JoinHostPort(u.Hostname(), defaultPort), nil
	}
	return scheme, u.Host, nil
}

func parseFacility(word string) (int, error) {
	if word == "" {
		return daemon, nil
	}
	if i := slices.Index(facilities(), word); i >= 0 {
		return i, nil
	}
	if n, err := strconv.Atoi(word); err == nil && 0 <= n && n <= 23 {
		return n, nil
	}
	return 0, fault.New(fault.Invalid, "invalid syslog facility")
}
