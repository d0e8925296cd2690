package explain

import (
	"fmt"
	"strings"
	"time"
)

// Sentences says what the facts mean, the most important first.
func Sentences(f *Facts, now time.Time) []string {
	s := &speech{f: f, now: now}
	switch f.State {
	case "removed":
		s.removed()
	case "running", "paused":
		s.running()
	case "restarting":
		s.ended()
		s.cause()
		s.next()
	case "created", "starting":
		s.never()
	case "removing", "dead":
		s.say("%s is being removed, or a removal of it has failed: remove it again.", s.name())
	default:
		if f.StartError != "" {
			s.failed()
		} else {
			s.ended()
			s.cause()
		}
		s.stays()
	}
	s.health()
	s.history()
	s.log()
	return s.out
}

// speech is the sentences under way.
type speech struct {
	f   *Facts
	now time.Time
	out []string
}

func (s *speech) say(format string, args ...any) { s.out = append(s.out, fmt.Sprintf(format, args...)) }

func (s *speech) name() string {
	if s.f.Name != "" {
		return s.f.Name
	}
	return s.f.ID[:min(12, len(s.f.ID))]
}

// ago is how long something is past.
func (s *speech) ago(t time.Time) string { return span(s.now.Sub(t)) + " ago" }

func (s *speech) never() {
	s.say("%s was created %s and has never run.", s.name(), s.ago(s.f.Created))
	if s.f.StartError == "" {
		s.say("Nobody has started it, or its start is under way.")
		return
	}
	s.say("Its last start failed: %s", sentence(s.f.StartError))
	s.hint()
}

func (s *speech) failed() {
	s.say("%s does not run: its last start failed: %s", s.name(), sentence(s.f.StartError))
	s.hint()
}

// hint says what can be done about a start that failed.
func (s *speech) hint() {
	program := ""
	if len(s.f.Command) > 0 {
		program = s.f.Command[0]
	}
	switch why := s.f.StartError; {
	case s.f.ExitCode == 127:
		s.say("There is no program %q in the image %s: look at its command and entrypoint, and at what is mounted over them.", plain(program), s.f.Image)
	case s.f.ExitCode == 126 && strings.Contains(why, "permission denied"):
		s.say("The program %q is there but may not be run: look at its mode (chmod +x), and whether it is on a mount with noexec.", plain(program))
	case s.f.ExitCode == 126 && strings.Contains(why, "exec format error"):
		s.say("The program %q is there but the kernel cannot run it: it is made for another architecture, or it is a script without #! in its first line.", plain(program))
	}
}

func (s *speech) running() {
	if s.f.State == "paused" {
		s.say("%s is paused; it was started %s.", s.name(), s.ago(s.f.Started))
	} else {
		s.say("%s has been running for %s.", s.name(), span(s.now.Sub(s.f.Started)))
	}
	if s.f.Restart.Count > 0 {
		s.say("Its restart policy (%s) has started it again %s since it was last started by hand.", s.policy(), times(s.f.Restart.Count))
	}
}

func (s *speech) removed() {
	if s.f.Removed == nil {
		s.say("There is no container %s any more.", s.name())
	} else if s.f.Removed.By == nil {
		s.say("There is no container %s any more: it was removed by the engine %s, as one that goes away when it ends.", s.name(), s.ago(s.f.Removed.Time))
	} else {
		s.say("There is no container %s any more: %s had it removed %s.", s.name(), s.f.Removed.By, s.ago(s.f.Removed.Time))
	}
	if s.f.Finished.IsZero() {
		s.say("As far as is known it never ran.")
		return
	}
	s.ended()
	s.cause()
}

// ended says when and with what the last run ended.
func (s *speech) ended() {
	ran := ""
	if !s.f.Started.IsZero() && s.f.Finished.After(s.f.Started) {
		ran = ", after " + span(s.f.Finished.Sub(s.f.Started))
	}
	s.say("%s ended %s%s, with exit code %d: %s.", s.name(), s.ago(s.f.Finished), ran, s.f.ExitCode, meaning(s.f.ExitCode))
}

// cause says why it ended, as far as that is known.
func (s *speech) cause() {
	switch {
	case s.f.OOMKilled && s.f.Memory > 0:
		s.say("The kernel killed a process of it for want of memory: it had reached its limit of %s.", bytes(s.f.Memory))
	case s.f.OOMKilled:
		s.say("The kernel killed a process of it for want of memory: the host had none left.")
	}
	s.asked()
	number, bySignal := signalOf(s.f.ExitCode)
	switch {
	case len(s.f.Asked) > 0 || s.f.OOMKilled || !bySignal:
	case number == 9 || number == 15 || number == 2 || number == 1 || number == 3:
		s.say("Nobody has asked the engine for that: the signal came from inside the container, or from another program on the host.")
	}
}

// asked says who had it ended, and how.
func (s *speech) asked() {
	var killed bool
	for i, a := range s.f.Asked {
		who := a.By.String()
		switch {
		case a.Verb == "stop" && a.Signal == 9 && i > 0 && s.f.Asked[i-1].Verb == "stop":
			s.say("It had not ended %s later and was killed: its program may not listen to that signal.", span(a.Time.Sub(s.f.Asked[i-1].Time)))
		case a.Verb == "stop":
			s.say("%s asked for the stop %s: it was sent %s.", upper(who), s.ago(a.Time), signalName(a.Signal))
		case a.Verb == "remove":
			s.say("%s removed it by force %s: it was killed for that.", upper(who), s.ago(a.Time))
		case a.Verb == "health":
			s.say("It was sent %s %s because its health check had failed.", signalName(a.Signal), s.ago(a.Time))
		default:
			s.say("%s sent it %s %s.", upper(who), signalName(a.Signal), s.ago(a.Time))
		}
		killed = killed || a.Signal == 9
	}
	if n := len(s.f.Asked); n > 0 && s.f.ExitCode == 0 && !killed {
		s.say("Its program ended in good order after that.")
	}
}

// next says when it runs again.
func (s *speech) next() {
	s.say("Its restart policy (%s) starts it again in %s; so far it has done so %s.", s.policy(), span(s.f.Restart.Due.Sub(s.now)), times(s.f.Restart.Count))
}

// stays says why it does not run again.
func (s *speech) stays() {
	r := s.f.Restart
	switch {
	case r.Policy == "" || r.Policy == "no":
		s.say("It has no restart policy: it stays as it is until somebody starts it.")
	case r.Stopped:
		s.say("Its restart policy (%s) leaves it alone because it was stopped by hand.", s.policy())
	case r.Policy == "on-failure" && s.f.ExitCode == 0:
		s.say("Its restart policy (%s) starts it again after failures only, and this was none.", s.policy())
	case r.Policy == "on-failure" && r.Max > 0 && r.Count >= r.Max:
		s.say("Its restart policy (%s) has started it again %s and gives up.", s.policy(), times(r.Count))
	default:
		s.say("Its restart policy is %s.", s.policy())
	}
}

func (s *speech) policy() string {
	if r := s.f.Restart; r.Max > 0 {
		return fmt.Sprintf("%s:%d", r.Policy, r.Max)
	}
	return s.f.Restart.Policy
}

func (s *speech) health() {
	h := s.f.Health
	if h == nil || len(h.Probes) == 0 {
		return
	}
	last := h.Probes[len(h.Probes)-1]
	switch {
	case h.FailingStreak > 0:
		s.say("Its health check has failed %s in a row; the last probe, %s, %s%s", times(h.FailingStreak), s.ago(last.At), verdict(last), output(last.Output))
	case s.f.State == "running":
		s.say("Its health check says that it is %s.", h.Status)
	}
}

func verdict(p Probe) string {
	if p.ExitCode < 0 {
		return "could not be run or took too long"
	}
	return fmt.Sprintf("ended with exit code %d", p.ExitCode)
}

func output(text string) string {
	if text = plain(strings.TrimSpace(text)); text != "" {
		return ": " + text
	}
	return "."
}

// history says how earlier runs ended.
func (s *speech) history() {
	if len(s.f.Ends) < 2 {
		return
	}
	var codes []int
	count := map[int]int{}
	for _, e := range s.f.Ends {
		if count[e.ExitCode]++; count[e.ExitCode] == 1 {
			codes = append(codes, e.ExitCode)
		}
	}
	var parts []string
	for _, c := range codes {
		parts = append(parts, fmt.Sprintf("%s with exit code %d", times(count[c]), c))
	}
	s.say("Since %s it has ended %s: %s.", s.f.Ends[0].Time.UTC().Format("2006-01-02 15:04:05 UTC"), times(len(s.f.Ends)), strings.Join(parts, ", "))
}

func (s *speech) log() {
	switch {
	case s.f.LogError != "":
		s.say("Its log cannot be read: %s", sentence(s.f.LogError))
	case s.f.State == "running" && (s.f.Health == nil || s.f.Health.FailingStreak == 0):
	case len(s.f.Log) > 0:
		s.say("The last that it wrote:")
		for _, l := range s.f.Log {
			s.say("    %s: %s", l.Stream, plain(l.Text))
		}
	case s.f.State == "exited" || s.f.State == "restarting":
		s.say("It wrote nothing, or its log keeps nothing.")
	}
}
