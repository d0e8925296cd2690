package syslog

import (
	"strconv"
	"time"

	"berth/internal/fault"
)

// The severities of what comes from a container.
const (
	severityError = 3
	severityInfo  = 6
)

// record is a message with what stands around it.
type record struct {
	priority  int
	time      time.Time
	host, tag string
	pid       int // this process's: Docker's says its own too
	text      []byte
}

// format appends a record to b, framed as its receiver expects.
type format func(b []byte, r record) []byte

const micro = "2006-01-02T15:04:05.000000Z07:00"

func parseFormat(word, network string) (format, error) {
	switch word {
	case "":
		return unixForm, nil
	case "rfc3164":
		return rfc3164, nil
	case "rfc5424", "rfc5424micro":
		layout := time.RFC3339
		if word == "rfc5424micro" {
			layout = micro
		}
		f := rfc5424(layout)
		if network == secure {
			return counted(f), nil
		}
		return f, nil
	}
	return nil, fault.New(fault.Invalid, "Invalid syslog format")
}

func appendPriority(b []byte, p int) []byte {
	return append(strconv.AppendInt(append(b, '<'), int64(p), 10), '>')
}

// unixForm is what the machine's own syslog takes.
func unixForm(b []byte, r record) []byte {
	b = appendPriority(b, r.priority)
	b = append(r.time.Local().AppendFormat(b, time.Stamp), ' ')
	return appendRest(b, r)
}

func rfc3164(b []byte, r record) []byte {
	b = appendPriority(b, r.priority)
	b = append(r.time.Local().AppendFormat(b, time.Stamp), ' ')
	b = append(append(b, r.host...), ' ')
	return appendRest(b, r)
}

func appendRest(b []byte, r record) []byte {
	b = strconv.AppendInt(append(append(b, r.tag...), '['), int64(r.pid), 10)
	return append(append(append(b, "]: "...), r.text...), '\n')
}

// rfc5424 says the tag twice: rsyslog makes its tag of the application's name.
func rfc5424(layout string) format {
	return func(b []byte, r record) []byte {
		b = append(appendPriority(b, r.priority), "1 "...)
		b = append(r.time.Local().AppendFormat(b, layout), ' ')
		b = append(append(b, r.host...), ' ')
		b = append(append(b, r.tag...), ' ')
		b = append(strconv.AppendInt(b, int64(r.pid), 10), ' ')
		b = append(append(b, r.tag...), " - "...)
		return append(append(b, r.text...), '\n')
	}
}

// counted puts the length in front of a message (RFC 5425, 4.3).
func counted(f format) format {
	var one []byte
	return func(b []byte, r record) []byte {
		one = f(one[:0], r)
		b = append(strconv.AppendInt(b, int64(len(one)), 10), ' ')
		return append(b, one...)
	}
}
