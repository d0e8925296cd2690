package logfile

import (
	"maps"
	"slices"
	"strconv"

	"github.com/docker/go-units"

	"berth/internal/fault"
)

// What holds when nothing is said. Docker never rotates by default, and fills disks.
const (
	DefaultMaxSize = 10 << 20 // bytes
	DefaultMaxFile = 3
)

// Options are a log's.
type Options struct {
	Format   Format
	MaxSize  int64 // bytes in a file before it is rotated; 0 means never
	MaxFile  int   // how many files are kept, the newest included; at least 1
	Compress bool  // gzip the rotated files
}

// DefaultOptions returns what holds without any --log-opt.
func DefaultOptions() Options {
	return Options{Format: JSON(nil), MaxSize: DefaultMaxSize, MaxFile: DefaultMaxFile, Compress: true}
}

// ParseOptions reads --log-opt values of the json-file driver. What Docker
// refuses is an Invalid fault in Docker's words. A max-size of "-1", Docker's
// default that it does not let one write, turns rotation off. Labels, env and
// tag are accepted here and become Attrs by whoever knows the container.
func ParseOptions(opts map[string]string) (Options, error) {
	o := DefaultOptions()
	for _, key := range []string{"max-size", "max-file", "compress"} {
		if _, set := opts[key]; set {
			o.Compress = false // as Docker's is, for who chooses how it rotates
		}
	}
	for _, key := range slices.Sorted(maps.Keys(opts)) {
		value := opts[key]
		var err error
		switch key {
		case "max-size":
			o.MaxSize, err = parseSize(value)
		case "max-file":
			o.MaxFile, err = strconv.Atoi(value)
			if err == nil && o.MaxFile < 1 {
				err = fault.New(fault.Invalid, "max-file cannot be less than 1")
			}
		case "compress":
			o.Compress, err = strconv.ParseBool(value)
		case "labels", "labels-regex", "env", "env-regex", "tag":
		// Not the driver's but the daemon's: how it is fed.
		case "mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress":
		default:
			err = fault.New(fault.Invalid, "unknown log opt '%s' for json-file log driver", key)
		}
		if err != nil {
			return Options{}, fault.As(fault.Invalid, err)
		}
	}
	if o.Compress && (o.MaxFile == 1 || o.MaxSize == 0) {
		return Options{}, fault.New(fault.Invalid, "compress cannot be true when max-file is less than 2 or max-size is not set")
	}
	return o, nil
}

func parseSize(value string) (int64, error) {
	if value == "-1" {
		return 0, nil
	}
	n, err := units.FromHumanSize(value)
	if err == nil && n <= 0 {
		err = fault.New(fault.Invalid, "max-size must be a positive number")
	}
	return n, err
}
