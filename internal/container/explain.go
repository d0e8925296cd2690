package container

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/container/explain"
	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/logfile"
)

// lastLines is how many lines of a log an explanation shows.
const lastLines = 5

// Explanations tell why containers are as they are.
type Explanations struct{ *Service }

// Explain gathers what is known of a container, or of one that there is no more as
// long as its events are kept. It waits for no verb.
func (s Explanations) Explain(ctx context.Context, ref string) (explain.Facts, error) {
	e, err := s.index.Find(ref)
	if fault.Is(err, fault.NotFound) {
		return s.gone(ref, err)
	}
	if err != nil {
		return explain.Facts{}, err
	}
	f := factsOf(seen(s.execs, e))
	if s.deps.Events != nil {
		if err := s.deps.Events.Find(f.Created, func(m event.Message) bool { f.Recall(m); return true }, f.ID); err != nil {
			return f, err
		}
	}
	s.readLog(ctx, e, &f)
	return f, nil
}

// gone finds a container that was removed: the last one whose ID begins with what
// was asked for, or that had this name.
func (s Explanations) gone(ref string, notFound error) (explain.Facts, error) {
	name := strings.TrimPrefix(ref, "/")
	if s.deps.Events == nil || name == "" {
		return explain.Facts{}, notFound
	}
	var id string
	err := s.deps.Events.Find(time.Time{}, func(m event.Message) bool {
		if m.Type == event.Container && m.Action == event.Destroy && (m.Attributes["name"] == name || strings.HasPrefix(m.ID, name)) {
			id = m.ID
		}
		return true
	}, `"`+event.Destroy+`"`, name)
	if err != nil {
		return explain.Facts{}, err
	}
	if id == "" {
		return explain.Facts{}, notFound
	}
	var told []event.Message
	err = s.deps.Events.Find(time.Time{}, func(m event.Message) bool {
		if m.ID == id {
			told = append(told, m)
		}
		return true
	}, id)
	return explain.Gone(told), err
}

// factsOf are the facts of a record.
func factsOf(c Container) explain.Facts {
	f := explain.Facts{
		ID: c.ID, Name: c.Name, Image: c.Config.Image, State: string(c.State), Command: append([]string{c.Path}, c.Args...),
		Created: c.Created, Started: c.Run.Started, Finished: c.Run.Finished, ExitCode: c.Run.ExitCode,
		OOMKilled: c.Run.OOMKilled, Memory: c.HostConfig.Resources.Memory, StartError: c.Run.Error,
		Restart: explain.Restart{
			Policy: c.HostConfig.RestartPolicy.Name, Max: c.HostConfig.RestartPolicy.Max, Count: c.Restarts, Due: c.Restart.Due,
			Stopped: c.Restart.Asked == restart.Stopped,
		},
	}
	if c.Health != nil {
		f.Health = &explain.Health{Status: string(c.Health.Status), FailingStreak: c.Health.FailingStreak}
		for _, r := range c.Health.Log {
			f.Health.Probes = append(f.Health.Probes, explain.Probe{At: r.End, ExitCode: r.ExitCode, Output: r.Output})
		}
	}
	return f
}

// readLog takes the last lines of the log.
func (s Explanations) readLog(ctx context.Context, e *entry, f *explain.Facts) {
	err := logsOf(s.deps).lines(ctx, e, logfile.ReadOptions{Tail: lastLines}, func(entry logfile.Entry) error {
		f.Log = append(f.Log, explain.Line{Stream: entry.Stream, Text: string(slices.Clone(entry.Line))})
		return nil
	})
	if err != nil {
		f.LogError = err.Error()
	}
}
