package restart

import "time"

// Memory is what a container's record keeps for the plans to come. The count of
// restarts is beside it, as users see it.
type Memory struct {
	Delay time.Duration // before the last start by the policy; 0 when there was none
	Due   time.Time     // when it starts next, while it waits for that
	Asked Asked         // what a user has done since it was started by hand
}

// Follow is the memory once a plan has been made at the time of an end.
func (m Memory) Follow(p Plan, ended time.Time) Memory {
	if p.Again {
		m.Delay, m.Due = p.After, ended.Add(p.After)
	}
	return m
}
