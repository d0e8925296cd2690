// Package logfile is a container's log in files, in Docker's json-file form (one
// JSON object a line) or that of its local driver (protobuf), with rotation:
//
//	<id>-json.log        the newest entries
//	<id>-json.log.1      older ones, .2 older still
//	<id>-json.log.1.gz   the same when compression is on
//
// A Log is written and read in the same process: readers that follow are
// woken by the writer and never poll. A reader holds the files that it has
// yet to read, so a rotation takes nothing from it.
//
// Nothing that is large is read to find its end or a time in it: the last entries are found
// from behind, a time by halving, and compressed files say in their headers what is in them.
//
// Lock order: Log.mu is the only lock, and nothing blocks under it but the
// disk.
package logfile
