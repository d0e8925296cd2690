package logdriver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/logfile"
)

type opts = map[string]string

func TestOptionsAreRefusedInDockersWords(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		driver  string
		options opts
		want    string // "" for none
	}{
		{"splunk2", nil, `error looking up logging plugin splunk2: plugin "splunk2" not found`},
		{"none", opts{"anything": "goes"}, ""},
		{"json-file", opts{"x": "y"}, "unknown log opt 'x' for json-file log driver"},
		{"json-file", opts{"max-size": "10m", "max-file": "2", "compress": "true", "labels": "a", "labels-regex": "^a", "env": "b", "env-regex": "b$", "tag": "{{.Name}}", "mode": "non-blocking", "max-buffer-size": "4m"}, ""},
		{"json-file", opts{"max-size": "0"}, "max-size must be a positive number"},
		{"json-file", opts{"max-size": "many"}, "invalid size: 'many'"},
		{"json-file", opts{"max-size": "-1"}, ""},
		{"json-file", opts{"max-file": "0"}, "max-file cannot be less than 1"},
		{"json-file", opts{"max-file": "x"}, `strconv.Atoi: parsing "x": invalid syntax`},
		{"json-file", opts{"compress": "x"}, `strconv.ParseBool: parsing "x": invalid syntax`},
		{"json-file", opts{"compress": "true", "max-file": "1"}, "compress cannot be true when max-file is less than 2 or max-size is not set"},
		{"json-file", opts{"labels-regex": "("}, "error parsing regexp: missing closing ): `(`"},
		{"json-file", opts{"tag": "{{.Foo}}"}, `template: log-tag:1:2: executing "log-tag" at <.Foo>: can't evaluate field Foo in type *source.Info`},
		{"json-file", opts{"mode": "lazy"}, "logger: logging mode not supported: lazy"},
		{"json-file", opts{"max-buffer-size": "1m"}, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"},
		{"json-file", opts{"mode": "non-blocking", "max-buffer-size": "x"}, "error parsing option max-buffer-size: invalid size: 'x'"},
		{"local", opts{"x": "y"}, "unknown log opt 'x' for log driver local"},
		{"local", opts{"max-size": "x"}, "invalid value for max-size: x: invalid size: 'x'"},
		{"local", opts{"max-file": "-1", "compress": "false"}, "max-file must not be negative"},
		{"local", opts{"max-file": "1"}, "compression cannot be enabled when max file count is 1"},
		{"local", opts{"compress": "x"}, `invalid boolean value for compress: strconv.ParseBool: parsing "x": invalid syntax`},
		{"journald", opts{"x": "y"}, "unknown log opt 'x' for journald log driver"},
		{"journald", opts{"cache-disabled": "true", "tag": "t"}, ""},
		{"journald", opts{"cache-disabled": "x"}, "invalid value for option cache-disabled: x"},
		{"journald", opts{"cache-x": "y"}, "unknown log opt 'cache-x' for journald log driver"},
		{"journald", opts{"cache-max-size": "x"}, "invalid value for max-size: x: invalid size: 'x'"},
		{"syslog", opts{"x": "y"}, "unknown log opt 'x' for syslog log driver"},
		{"syslog", opts{"syslog-address": "udp://127.0.0.1", "syslog-facility": "23", "syslog-format": "rfc5424micro"}, ""},
		{"syslog", opts{"syslog-address": "unixgram://" + socket}, ""},
		{"syslog", opts{"syslog-address": "unix:///nowhere/s"}, "stat /nowhere/s: no such file or directory"},
		{"syslog", opts{"syslog-address": "127.0.0.1"}, "syslog-address should be in form proto://address, got 127.0.0.1"},
		{"syslog", opts{"syslog-address": "http://127.0.0.1"}, "syslog-address should be in form proto://address, got http://127.0.0.1"},
		{"syslog", opts{"syslog-facility": "24"}, "invalid syslog facility"},
		{"syslog", opts{"syslog-format": "rfc1"}, "Invalid syslog format"},
		{"gelf", nil, "gelf-address is a required parameter"},
		{"gelf", opts{"gelf-address": "udp://127.0.0.1:1", "x": "y"}, `unknown log opt "x" for gelf log driver`},
		{"gelf", opts{"gelf-address": "127.0.0.1:1"}, "gelf-address should be in form proto://address, got 127.0.0.1:1"},
		{"gelf", opts{"gelf-address": "http://127.0.0.1:1"}, "gelf-address should be in form proto://address, got http://127.0.0.1:1"},
		{"gelf", opts{"gelf-address": "unix:///s"}, "gelf: endpoint needs to be TCP or UDP"},
		{"gelf", opts{"gelf-address": "udp://127.0.0.1"}, "gelf: please provide gelf-address as proto://host:port"},
		{"gelf", opts{"gelf-address": "tcp://127.0.0.1:1", "gelf-compression-type": "gzip"}, "compression is only supported on UDP"},
		{"gelf", opts{"gelf-address": "udp://127.0.0.1:1", "gelf-compression-type": "xz"}, `unknown value "xz" for log opt "gelf-compression-type" for gelf log driver`},
		{"gelf", opts{"gelf-address": "udp://127.0.0.1:1", "gelf-compression-level": "10"}, `unknown value "10" for log opt "gelf-compression-level" for gelf log driver`},
		{"gelf", opts{"gelf-address": "udp://127.0.0.1:1", "gelf-tcp-max-reconnect": "1"}, `"gelf-tcp-max-reconnect" is only valid for TCP`},
		{"gelf", opts{"gelf-address": "tcp://127.0.0.1:1", "gelf-tcp-reconnect-delay": "-1"}, `"gelf-tcp-reconnect-delay" must be a positive integer`},
		{"fluentd", nil, ""},
		{"fluentd", opts{"x": "y"}, "unknown log opt 'x' for fluentd log driver"},
		{"fluentd", opts{"fluentd-address": "http://a:1"}, "invalid fluentd-address (http://a:1): unsupported scheme: 'http'"},
		{"fluentd", opts{"fluentd-address": "tcp://a:1/x"}, "invalid fluentd-address (tcp://a:1/x): should not contain a path element"},
		{"fluentd", opts{"fluentd-address": "a:99999"}, `invalid fluentd-address (a:99999): invalid port: strconv.ParseUint: parsing "99999": value out of range`},
		{"fluentd", opts{"fluentd-address": "unix:///"}, "invalid fluentd-address (unix:///): path is empty"},
		{"fluentd", opts{"fluentd-async": "true", "fluentd-async-connect": "true"}, "conflicting options: cannot specify both 'fluentd-async' and 'fluentd-async-connect'"},
		{"fluentd", opts{"fluentd-async-reconnect-interval": "1ms"}, `invalid value for fluentd-async-reconnect-interval: value ("1ms") must be between 100ms and 10s`},
		{"fluentd", opts{"fluentd-max-retries": "x"}, `invalid value for fluentd-max-retries: strconv.ParseUint: parsing "x": invalid syntax`},
		{"fluentd", opts{"fluentd-buffer-limit": "1m", "fluentd-retry-wait": "2s", "fluentd-max-retries": "4294967295", "fluentd-request-ack": "true", "fluentd-sub-second-precision": "1", "fluentd-write-timeout": "3s"}, ""},
	} {
		err := Choice{c.driver, c.options}.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want || !fault.Is(err, fault.Invalid)) {
			t.Errorf("%s %v: %v, not %q", c.driver, c.options, err, c.want)
		}
	}
}

func TestTheDaemonsOptionsAreForItsOwnDriverAndForTheCache(t *testing.T) {
	daemon := Choice{"syslog", opts{"tag": "d", "mode": "non-blocking", "cache-max-size": "1m"}}
	for _, c := range []struct {
		of, or Choice
		want   string
	}{
		{Choice{}, Choice{}, "{json-file map[]}"},
		{Choice{}, daemon, "{syslog map[cache-max-size:1m mode:non-blocking tag:d]}"},
		{Choice{"syslog", opts{"tag": "c"}}, daemon, "{syslog map[cache-max-size:1m mode:non-blocking tag:c]}"},
		{Choice{"journald", opts{"tag": "c"}}, daemon, "{journald map[cache-max-size:1m tag:c]}"},
	} {
		if got := fmt.Sprint(c.of.Or(c.or)); got != c.want {
			t.Errorf("%v or %v is %s, not %s", c.of, c.or, got, c.want)
		}
	}
}

func TestFilesAreRotatedAndCompressedUnlessSomebodyChooses(t *testing.T) {
	for _, c := range []struct {
		options opts
		want    logfile.Options
	}{
		{nil, logfile.Options{MaxSize: 10 << 20, MaxFile: 3, Compress: true}},
		{opts{"max-size": "10m", "max-file": "5", "compress": "true"}, logfile.Options{MaxSize: 10_000_000, MaxFile: 5, Compress: true}},
		{opts{"max-size": "10m"}, logfile.Options{MaxSize: 10_000_000, MaxFile: 3}},
		{opts{"max-size": "-1", "tag": "x"}, logfile.Options{MaxFile: 3}},
		{opts{"compress": "false"}, logfile.Options{MaxSize: 10 << 20, MaxFile: 3}},
	} {
		if got, err := jsonOptions(c.options); err != nil || got != c.want {
			t.Errorf("%v: %+v, %v", c.options, got, err)
		}
	}
	if got, err := localOptions(nil); err != nil || got != (logfile.Options{MaxSize: 20 << 20, MaxFile: 5, Compress: true}) {
		t.Errorf("local: %+v, %v", got, err)
	}
}

// FuzzCheck gives every driver any option: it is taken or refused, and what is
// taken can be opened or is refused with a sentence too.
func FuzzCheck(f *testing.F) {
	for i, seed := range []string{"syslog-address=udp://[::1", "gelf-address=tcp://:0", "fluentd-address=a:b:c", "tag={{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}", "env-regex=(?i", "max-size=1e99t", "cache-max-file=-9"} {
		key, value, _ := strings.Cut(seed, "=")
		f.Add(uint8(i), key, value)
	}
	f.Fuzz(func(t *testing.T, n uint8, key, value string) {
		k := kinds()[int(n)%len(kinds())]
		options := opts{key: value, "gelf-address": "udp://127.0.0.1:1"}
		if k.name != "gelf" {
			delete(options, "gelf-address")
			options[key] = value
		}
		c := Choice{k.name, options}
		if err := c.Check(); err != nil {
			if !fault.Is(err, fault.Invalid) || err.Error() == "" {
				t.Fatalf("%s %v: %v", k.name, options, err)
			}
			return
		}
		l, err := Target{Choice: c, Dir: t.TempDir(), Info: *info(nil)}.Open(Opening{})
		if err != nil {
			t.Logf("%s %v is opened with %v", k.name, options, err)
			return
		}
		l.Close()
	})
}
