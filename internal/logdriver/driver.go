// Package logdriver is where a container's output goes when it is logged: into
// files (json-file, local), to a receiver (syslog, gelf, fluentd, journald), or
// nowhere. What a receiver gets is kept in a local cache too, so that every log
// can be read.
//
// The drivers have a room each below this one; logfile is the file drivers'.
package logdriver

import (
	"slices"

	"berth/internal/fault"
	"berth/internal/logdriver/fluentd"
	"berth/internal/logdriver/gelf"
	"berth/internal/logdriver/journald"
	"berth/internal/logdriver/source"
	"berth/internal/logdriver/syslog"
	"berth/internal/logfile"
)

// The drivers that are named elsewhere.
const (
	JSONFile = "json-file"
	Local    = "local"
	None     = "none"
)

// Driver takes a container's messages, one goroutine's at a time.
type Driver interface {
	// Log takes a message, of which nothing is kept. An error says that it, or
	// one before it, is lost.
	Log(m *logfile.Message) error
	// Flush sends what Log has gathered.
	Flush() error
	// Close gives up what the driver holds. It may come while another goroutine
	// is in Log or Flush, which then come to an end.
	Close() error
}

// remote is a driver that sends messages away.
type remote interface {
	Driver
	Connect() error // now, or say why not
}

// kind is what there is to know of a driver.
type kind struct {
	name  string
	check func(options map[string]string) error
	send  func(*source.Info) (remote, error) // nil for drivers of files
}

// kinds are the drivers, by name.
func kinds() []kind {
	return []kind{
		{"fluentd", fluentd.Check, func(i *source.Info) (remote, error) { return orNil(fluentd.New(i)) }},
		{"gelf", gelf.Check, func(i *source.Info) (remote, error) { return orNil(gelf.New(i)) }},
		{"journald", journald.Check, func(i *source.Info) (remote, error) { return orNil(journald.New(i, journald.Socket)) }},
		{JSONFile, checkJSONFile, nil},
		{Local, checkLocal, nil},
		{"syslog", syslog.Check, func(i *source.Info) (remote, error) { return orNil(syslog.New(i)) }},
	}
}

// orNil keeps a nil pointer from becoming a remote that is not nil.
func orNil[T remote](d T, err error) (remote, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Names lists the drivers, as info does.
func Names() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

func find(name string) (kind, error) {
	all := kinds()
	i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, fault.New(fault.Invalid, "error looking up logging plugin %s: plugin %q not found", name, name)
	}
	return all[i], nil
}
