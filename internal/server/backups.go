package server

import "berth/internal/server/backups"

// backed makes a handler of one of the room backups.
func backed(handle func(backups.Request) error) func(*call) error {
	return func(c *call) error {
		return handle(backups.Request{
			W: c.w, R: c.r, Name: c.name, Who: credentials(c.r), Replace: c.flag("replace"), Tar: c.tar,
			JSON: func(status int, v any) { writeJSON(c.w, status, v) },
		})
	}
}
