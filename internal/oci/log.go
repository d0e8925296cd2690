//go:build linux

package oci

import (
	"encoding/json"
	"os"
	"strconv"
	"time"

	"berth/internal/fault"
)

// log is where --log says that messages go; engines read the last error there.
// The form is that of runc's logger.
type log struct {
	file  *os.File // nil is standard error
	json  bool
	debug bool
}

func openLog(path, format string, debug bool) (*log, error) {
	l := &log{debug: debug}
	switch format {
	case "", "text":
	case "json":
		l.json = true
	default:
		return l, fault.New(fault.Invalid, "invalid log-format: %s", format)
	}
	if path == "" {
		return l, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return l, fault.Wrap(fault.Invalid, err, "The log cannot be opened")
	}
	l.file = f
	return l, nil
}

func (l *log) warn(text string) { l.write("warning", text) }

// fail tells of the error that ends the command. With a log file people see
// it on standard error too.
func (l *log) fail(err error) {
	l.write("error", err.Error())
	if l.file != nil {
		os.Stderr.WriteString(err.Error() + "\n")
	}
}

func (l *log) write(level, text string) {
	to := l.file
	if to == nil {
		to = os.Stderr
	}
	to.WriteString(line(l.json, level, text, time.Now())) // there is nowhere to tell of a failure
}

func line(asJSON bool, level, text string, at time.Time) string {
	now := at.Format(time.RFC3339)
	if !asJSON {
		return "time=" + strconv.Quote(now) + " level=" + level + " msg=" + strconv.Quote(text) + "\n"
	}
	data, _ := json.Marshal(struct { // strings always can be
		Level string `json:"level"`
		Msg   string `json:"msg"`
		Time  string `json:"time"`
	}{level, text, now})
	return string(data) + "\n"
}
