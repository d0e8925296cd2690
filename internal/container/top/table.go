// Package top is what runs in a container as a table, by the host's numbers and names: what
// ps prints of it.
package top

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"berth/internal/linux/proc"
)

// Table is processes by lines, under titles.
type Table struct {
	Titles []string
	Rows   [][]string
}

// Usual are the arguments of ps for which nobody asked.
const Usual = "-ef"

// now is the moment at which a table is made.
type now struct {
	booted time.Time
	at     time.Time
	name   func(uid int) string
}

// Read makes the usual table without ps, which a host may not have. Processes that end meanwhile
// are not in it.
func Read(pids []int) (Table, error) {
	m, err := proc.Machine()
	if err != nil {
		return Table{}, err
	}
	n := now{booted: m.Booted, at: time.Now(), name: userName}
	var list []proc.Process
	for _, pid := range pids {
		if p, err := proc.Read(pid); err == nil {
			list = append(list, p)
		}
	}
	return n.table(list), nil
}

func (n now) table(list []proc.Process) Table {
	t := Table{Titles: []string{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}, Rows: [][]string{}}
	for _, p := range list {
		t.Rows = append(t.Rows, []string{
			n.name(p.UID), strconv.Itoa(p.Pid), strconv.Itoa(p.Parent), strconv.Itoa(n.share(p)),
			n.started(p), terminal(p.Terminal), clock(p.Time), command(p),
		})
	}
	return t
}

// share is how much of a processor it took over its life, in percent.
func (n now) share(p proc.Process) int {
	life := n.at.Sub(n.booted.Add(p.Started))
	if life < time.Second {
		return 0
	}
	return int(min(100*p.Time/life, 99))
}

// started is the hour for a process of today, else the day, else the year.
func (n now) started(p proc.Process) string {
	then := n.booted.Add(p.Started).In(n.at.Location())
	switch {
	case then.Year() != n.at.Year():
		return then.Format("2006")
	case then.YearDay() != n.at.YearDay():
		return then.Format("Jan02")
	}
	return then.Format("15:04")
}

// The terminals' major numbers (Documentation/admin-guide/devices.txt).
const (
	virtual     = 4
	consoles    = 5
	firstPseudo = 136
	lastPseudo  = 143
)

// terminal is the name of a terminal's device, "?" for none.
func terminal(number int) string {
	major, minor := number>>8&0xfff, number&0xff|number>>12&0xfff00
	switch {
	case number == 0:
	case major >= firstPseudo && major <= lastPseudo:
		return "pts/" + strconv.Itoa(minor+(major-firstPseudo)<<8)
	case major == virtual && minor < 64:
		return "tty" + strconv.Itoa(minor)
	case major == virtual:
		return "ttyS" + strconv.Itoa(minor-64)
	case major == consoles && minor == 1:
		return "console"
	}
	return "?"
}

// clock is [days-]hours:minutes:seconds.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if days := s / 86400; days > 0 {
		text = fmt.Sprintf("%02d-%s", days, text)
	}
	return text
}

// command is the command line on one line; a process that shows none is called by its name, in
// brackets.
func command(p proc.Process) string {
	text := strings.Join(p.Args, " ")
	if text == "" {
		text = "[" + p.Name + "]"
	}
	if p.Zombie {
		text = "[" + p.Name + "] <defunct>"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}

// longestName is how much of a user's name fits the column.
const longestName = 8

// userName is a user's name on the host, or its number.
func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return strconv.Itoa(uid)
	}
	if len(u.Username) > longestName {
		return u.Username[:longestName-1] + "+"
	}
	return u.Username
}
