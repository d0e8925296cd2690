package logdriver

import (
	"context"
	"os"
	"path/filepath"

	"berth/internal/fault"
	"berth/internal/logdriver/source"
	"berth/internal/logfile"
)

// Target is one container's log.
type Target struct {
	Choice
	Dir  string      // the container's directory
	Info source.Info // Config is not read: the options are the choice's
}

// The log's files, below the container's directory, are Docker's.
//
//	<id>-json.log             json-file
//	local-logs/container.log  local
//	container-cached.log      what other drivers have sent

// LogPath is where log shippers find the log: "" unless it is json-file's.
func (t Target) LogPath() string {
	if t.Driver != JSONFile {
		return ""
	}
	return t.path()
}

// path is the file that the log is read from, "" when there is none.
func (t Target) path() string {
	switch t.Driver {
	case None:
		return ""
	case JSONFile:
		return filepath.Join(t.Dir, t.Info.ContainerID+"-json.log")
	case Local:
		return filepath.Join(t.Dir, "local-logs", "container.log")
	}
	if cached, err := t.cached(); err != nil || !cached {
		return ""
	}
	return filepath.Join(t.Dir, "container-cached.log")
}

// Readable says why the log cannot be read, if it cannot.
func (t Target) Readable() error {
	if t.path() == "" {
		return fault.New(fault.Unsupported, "configured logging driver does not support reading")
	}
	return nil
}

// Read calls fn for every entry of a log that is not open, oldest first.
func (t Target) Read(ctx context.Context, o logfile.ReadOptions, fn func(logfile.Entry) error) error {
	if err := t.Readable(); err != nil {
		return err
	}
	format := logfile.Local(nil)
	if t.Driver == JSONFile {
		format = logfile.JSON(nil)
	}
	o.Follow = false // nothing more comes
	return logfile.Read(ctx, t.path(), format, o, fn)
}

// openFile opens the file that the log is read from; nil when there is none.
func (t Target) openFile() (*logfile.Log, error) {
	path := t.path()
	if path == "" {
		return nil, nil
	}
	own, cache := t.split()
	var o logfile.Options
	var err error
	switch t.Driver {
	case JSONFile:
		o, err = jsonOptions(own)
	case Local:
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			o, err = localOptions(own)
		}
	default:
		o, err = localOptions(cache)
	}
	if err != nil {
		return nil, err
	}
	attrs, err := t.attributes()
	if err != nil {
		return nil, err
	}
	if t.Driver == JSONFile {
		o.Format = logfile.JSON(attrs)
	} else {
		o.Format = logfile.Local(attrs)
	}
	return logfile.Open(path, o)
}

// attributes are what every entry of a file has: what was chosen, and the tag
// if the user asked for one.
func (t Target) attributes() (map[string]string, error) {
	info := t.info()
	attrs, err := info.Attributes(nil)
	if err != nil {
		return nil, err
	}
	tag, err := info.Tag("")
	if tag != "" {
		attrs["tag"] = tag
	}
	return attrs, err
}

func (t Target) info() *source.Info {
	info := t.Info
	info.Config, _ = t.split()
	info.DaemonName = "docker" // as templates that are about know it
	info.LogPath = t.LogPath()
	return &info
}
