// Command bench measures berth beside its peers in one run: Debian's
// docker.io, podman with crun, and crun and runc alone. The engines take turns
// within every scenario, so that the machine's noise falls on all of them.
// `make bench` runs it; it needs root.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// options is what the command line says.
type options struct {
	quick   bool   // a minute instead of several
	only    string // groups of scenarios, separated by commas; "" is all
	engines string // engines, separated by commas; "" is all
	bin     string // where berth's programs are
	cache   string // where packages are kept and the engines' roots are made
	role    string // which of the bench's own processes this is; see house.go
	stamp   string // names this run's directory and control group
	verbose bool
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "few repetitions: about a minute")
	flag.StringVar(&o.only, "only", "", "only these groups, separated by commas: "+strings.Join(groupNames(), ","))
	flag.StringVar(&o.engines, "engines", "", "only these engines, separated by commas: berth,berth-docker,docker,podman,berth-runtime,crun,runc")
	flag.StringVar(&o.bin, "bin", "bin", "directory of berth, berthd and berth-keeper")
	flag.StringVar(&o.cache, "cache", ".cache/bench", "directory for packages and the engines' roots")
	flag.BoolVar(&o.verbose, "v", false, "show each measurement as it is made, and the daemons' logs on failure")
	flag.StringVar(&o.role, "role", "", "internal")
	flag.StringVar(&o.stamp, "stamp", "", "internal")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) run() (err error) {
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	if o.cache, err = filepath.Abs(o.cache); err != nil {
		return err
	}
	switch o.role {
	case "init":
		return reapUntilDone()
	case "bench":
		return o.bench()
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("containers are measured as root")
	}
	return o.outside()
}

// bench is the run itself, inside the house that outside built.
func (o *options) bench() error {
	began := time.Now()
	b, err := newBench(o)
	if err != nil {
		return err
	}
	for _, g := range groups() {
		if !o.wants(o.only, g.name) {
			continue
		}
		t := time.Now()
		say("%s: %s", g.name, g.what)
		g.run(b)
		say("%s took %.0f s", g.name, time.Since(t).Seconds())
	}
	b.stop()
	b.print(os.Stdout, time.Since(began))
	return nil
}

// wants says whether a list separated by commas names something; an empty list
// names everything.
func (o *options) wants(list, name string) bool {
	if list == "" {
		return true
	}
	for word := range strings.SplitSeq(list, ",") {
		if word == name {
			return true
		}
	}
	return false
}
