package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/filter"
	"berth/internal/server/show"

	"github.com/moby/moby/api/types"
)

// eventRoutes are the handlers of /events.
type eventRoutes struct {
	events Events
	life   *lifetime
}

// follow streams events until the range ends, the client goes or the server ends.
func (r eventRoutes) follow(c *call) error {
	want, err := eventRange(c, time.Now())
	if err != nil {
		return err
	}
	filter, err := filter.Parse(c.query.Get("filters"), event.FilterKeys()...)
	if err != nil {
		return err
	}
	heard, err := r.events.Listen(want)
	if err != nil {
		return err
	}
	defer heard.Close()
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(r.life.ctx, cancel)()
	kind := eventType(c.r.Header.Get("Accept"), c.version)
	c.w.Header().Set("Content-Type", kind)
	c.w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(c.w)
	if err := flush.Flush(); err != nil {
		return nil // the client is gone
	}
	out := json.NewEncoder(c.w)
	for {
		m, err := heard.Next(ctx)
		if err != nil {
			return nil // the answer has begun: its end is all that can be told
		}
		if !event.Filter(filter).Match(&m) || m.Type == event.Image && m.Action == event.Create && !c.version.Has(compat.ImageCreateEvents) {
			continue
		}
		if kind == types.MediaTypeJSONSequence {
			_, _ = c.w.Write([]byte{0x1e}) // RFC 7464
		}
		if out.Encode(show.Event(&m, c.version)) != nil || flush.Flush() != nil {
			return nil
		}
	}
}

// eventRange reads since and until. Unlike that of logs, a 0 is a time: the beginning.
func eventRange(c *call, now time.Time) (event.Range, error) {
	var want event.Range
	for _, p := range []struct {
		key  string
		into *time.Time
	}{{"since", &want.Since}, {"until", &want.Until}} {
		word := c.query.Get(p.key)
		t, err := filter.Time(p.key, word, now)
		if err != nil {
			return want, err
		}
		if word == "0" {
			t = time.Unix(0, 0)
		}
		*p.into = t
	}
	if !want.Until.IsZero() && want.Until.Before(want.Since) {
		return want, fault.New(fault.Invalid, "`since` time (%s) cannot be after `until` time (%s)", c.query.Get("since"), c.query.Get("until"))
	}
	return want, nil
}

// eventType chooses the form of the stream: what the client accepts, or Docker's default.
func eventType(accept string, v compat.Version) string {
	offers, kind := []string{types.MediaTypeNDJSON, types.MediaTypeJSONSequence}, types.MediaTypeJSON
	if v.Has(compat.JSONLines) {
		offers, kind = append(offers, types.MediaTypeJSONLines), types.MediaTypeJSONLines
	}
	for _, one := range strings.Split(accept, ",") {
		one, _, _ = strings.Cut(one, ";")
		for _, offer := range offers {
			if strings.EqualFold(strings.TrimSpace(one), offer) {
				return offer
			}
		}
	}
	return kind
}
