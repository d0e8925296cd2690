package logdriver

import (
	"maps"
	"slices"
	"strconv"

	"github.com/docker/go-units"

	"berth/internal/fault"
	"berth/internal/logdriver/source"
	"berth/internal/logfile"
)

// checkJSONFile refuses what the json-file driver cannot do.
func checkJSONFile(o map[string]string) error {
	if _, err := jsonOptions(o); err != nil {
		return err
	}
	return source.Check(o)
}

// jsonOptions reads the json-file driver's options. A max-size of "-1", Docker's
// default that it does not let one write, turns rotation off.
func jsonOptions(o map[string]string) (logfile.Options, error) {
	p := logfile.Options{MaxSize: logfile.DefaultMaxSize, MaxFile: logfile.DefaultMaxFile, Compress: true}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		value := o[key]
		var err error
		switch key {
		case "max-size":
			if value == "-1" {
				p.MaxSize = 0
			} else if p.MaxSize, err = units.FromHumanSize(value); err == nil && p.MaxSize <= 0 {
				err = fault.New(fault.Invalid, "max-size must be a positive number")
			}
		case "max-file":
			if p.MaxFile, err = strconv.Atoi(value); err == nil && p.MaxFile < 1 {
				err = fault.New(fault.Invalid, "max-file cannot be less than 1")
			}
		case "compress", "labels", "labels-regex", "env", "env-regex", "tag":
		default:
			err = fault.New(fault.Invalid, "unknown log opt '%s' for json-file log driver", key)
		}
		if err != nil {
			return p, fault.As(fault.Invalid, err)
		}
	}
	_, size := o["max-size"]
	_, files := o["max-file"]
	if text, set := o["compress"]; set {
		var err error
		if p.Compress, err = strconv.ParseBool(text); err != nil {
			return p, fault.As(fault.Invalid, err)
		}
		if p.Compress && (p.MaxFile == 1 || p.MaxSize == 0) {
			return p, fault.New(fault.Invalid, "compress cannot be true when max-file is less than 2 or max-size is not set")
		}
	} else if size || files {
		p.Compress = false // as Docker's is, for who chooses how it rotates
	}
	return p, nil
}

// What the local driver does when nothing is said.
const (
	localSize  = 20 << 20
	localFiles = 5
)

// isLocalOption knows the local driver's options, which the cache has too.
func isLocalOption(key string) bool {
	switch key {
	case "max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag":
		return true
	}
	return false
}

// checkLocal refuses what the local driver cannot do.
func checkLocal(o map[string]string) error {
	if _, err := localOptions(o); err != nil {
		return err
	}
	return source.Check(o)
}

// localOptions reads the local driver's options.
func localOptions(o map[string]string) (logfile.Options, error) {
	p := logfile.Options{MaxSize: localSize, MaxFile: localFiles, Compress: true}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		value := o[key]
		var err error
		switch key {
		case "max-size":
			if p.MaxSize, err = units.FromHumanSize(value); err != nil {
				err = fault.New(fault.Invalid, "invalid value for max-size: %s: %v", value, err)
			} else if p.MaxSize < 0 {
				err = fault.New(fault.Invalid, "max-size must not be negative")
			}
		case "max-file":
			if p.MaxFile, err = strconv.Atoi(value); err != nil {
				err = fault.New(fault.Invalid, "invalid value for max-file: %s: %v", value, err)
			} else if p.MaxFile < 0 {
				err = fault.New(fault.Invalid, "max-file must not be negative")
			}
		case "compress":
			if p.Compress, err = strconv.ParseBool(value); err != nil {
				err = fault.New(fault.Invalid, "invalid boolean value for compress: %v", err)
			}
		default:
			if !isLocalOption(key) {
				err = fault.New(fault.Invalid, "unknown log opt '%s' for log driver local", key)
			}
		}
		if err != nil {
			return p, err
		}
	}
	if p.Compress && p.MaxFile <= 1 {
		return p, fault.New(fault.Invalid, "compression cannot be enabled when max file count is 1")
	}
	p.MaxFile = max(p.MaxFile, 1)
	return p, nil
}
