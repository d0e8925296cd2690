package logfile

// What holds when nothing is said. Docker never rotates by default, and fills disks.
const (
	DefaultMaxSize = 10 << 20 // bytes
	DefaultMaxFile = 3
)

// Options are a log's.
type Options struct {
	Format   Format
	MaxSize  int64 // bytes in a file before it is rotated; 0 means never
	MaxFile  int   // how many files are kept, the newest included; at least 1
	Compress bool  // gzip the rotated files
}
