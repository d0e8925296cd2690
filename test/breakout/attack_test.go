//go:build linux

package breakout

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"berth/internal/program"
	"berth/test/harness"
)

// attack is a way out of a container.
type attack struct {
	name string   // a sentence: what must not work
	does []string // the attacker's arguments
	// decoy makes what the attack is let loose on, and returns further arguments.
	decoy func(t *testing.T) []string
	image []harness.File // what a hostile image has beside the attacker
	flags []string       // of `docker run`
	// set makes the container of the spec the one that is attacked.
	set func(s *stage)
	// plant has the program also do what another process of the attacker's
	// would do beside it, so that a race is won every time.
	plant func(s *stage, p *program.Program)
	// out takes the defence out of the program.
	out    func(s *stage, p *program.Program)
	engine func(t *testing.T, d *harness.Daemon) // instead of a mere run
	// closed says why this kernel refuses the attack whatever the engine does,
	// or "" where it does not.
	closed func() string
	// run runs the program, when that is more than to run it.
	run func(s *stage, p *program.Program, out *os.File) string
}

// attacks are all of them, by what they attack.
func attacks() []attack {
	var all []attack
	for _, some := range [][]attack{kernelAttacks(), rightsAttacks(), imageAttacks(), descriptorAttacks()} {
		all = append(all, some...)
	}
	return all
}

func TestEveryAttackIsRefusedByTheProgramAndEscapesWithItsDefenceOut(t *testing.T) {
	needRoot(t)
	numbers := &stages{}
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			with := a.try(t, numbers, false)
			without := a.try(t, numbers, true)
			t.Logf("with the defence    %s", with)
			t.Logf("with it taken out   %s", without)
			if !strings.HasPrefix(with, "refused: ") {
				t.Errorf("it is not refused: %s", with)
			}
			if why := a.shut(); why != "" {
				t.Logf("that it escapes cannot be shown here: %s", why)
				if strings.HasPrefix(without, "escaped: ") {
					t.Error("and yet it escapes")
				}
				return
			}
			if !strings.HasPrefix(without, "escaped: ") {
				t.Errorf("with the defence out it ought to escape, to show that it is an attack: %s", without)
			}
		})
	}
}

func (a attack) shut() string {
	if a.closed == nil {
		return ""
	}
	return a.closed()
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("containers are started: this needs root")
	}
}

// try lets the attack loose in a container that is started from a program.
func (a attack) try(t *testing.T, numbers *stages, out bool) string {
	t.Helper()
	s := numbers.newStage(t, a.arguments(t)...)
	for _, f := range a.image {
		s.put(f)
	}
	if a.set != nil {
		a.set(s)
	}
	output := s.streams()
	p := s.compile()
	if a.plant != nil {
		a.plant(s, p)
	}
	if out {
		a.out(s, p)
	}
	if a.run != nil {
		return a.run(s, p, output)
	}
	return s.run(p, output)
}

func (a attack) arguments(t *testing.T) []string {
	t.Helper()
	if a.decoy == nil {
		return a.does
	}
	return append(a.does[:len(a.does):len(a.does)], a.decoy(t)...)
}

// The engine gets every attack as its users would: an image, and docker run.
func TestTheEngineRefusesEveryAttack(t *testing.T) {
	needRoot(t)
	d := harness.Start(t)
	c := d.Client(t, "berth")
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			if a.engine != nil {
				a.engine(t, d)
				return
			}
			image := importAttacker(t, d, a.image...)
			args := append([]string{"run", "--rm"}, a.flags...)
			r := c.Run(append(append(args, image, "/attacker"), a.arguments(t)...)...)
			said := verdict(r.Stdout)
			switch {
			case strings.HasPrefix(said, "refused: "):
				t.Log(said)
			case r.Code != 0 && r.Stdout == "":
				t.Logf("the container does not start: %s", strings.TrimSpace(r.Stderr))
			default:
				t.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
		})
	}
}

// importAttacker makes an image that holds the attacker and more.
func importAttacker(t *testing.T, d *harness.Daemon, more ...harness.File) string {
	t.Helper()
	program, err := os.ReadFile(attacker())
	if err != nil {
		t.Fatal(err)
	}
	name := "attacker"
	for _, f := range more {
		name += "-" + strings.NewReplacer("/", "", ".", "").Replace(f.Name)
	}
	files := append([]harness.File{{Name: "attacker", Body: program}, {Name: "etc/"}, {Name: "tmp/", Mode: 0o1777}, {Name: "vol/"}}, more...)
	d.Import(name, bytes.NewReader(harness.Tar(t, files...)))
	return name
}
