package keeper

import (
	"os"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
)

// An exit file is one line, written beside its place and renamed into it:
//
//	code=137 signal=9 time=1732900000123456789
//
// time is in nanoseconds since 1970.

func encodeExit(e *Exit) []byte {
	b := append([]byte("code="), strconv.Itoa(e.Code)...)
	b = append(append(b, " signal="...), strconv.Itoa(e.Signal)...)
	b = append(append(b, " time="...), strconv.FormatInt(e.Time.UnixNano(), 10)...)
	return append(b, '\n')
}

func writeExitFile(path string, e *Exit) error {
	if path == "" {
		return nil
	}
	temporary := path + unfinished
	if err := os.WriteFile(temporary, encodeExit(e), 0o600); err != nil {
		os.Remove(temporary)
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return err
	}
	return nil
}

// unfinished is what the name of an exit file ends in while it is written.
const unfinished = ".new"

// RemoveExitFile removes the file of a keeper that has died, perhaps while it wrote it.
func RemoveExitFile(path string) {
	os.Remove(path) // neither need be there
	os.Remove(path + unfinished)
}

// ExitFileOf is the process whose exit file has a name, and whether that is all there.
func ExitFileOf(name string) (id string, whole bool) {
	id, half := strings.CutSuffix(name, unfinished)
	return id, !half
}

// ReadExitFile reads how a process ended from the file that the keeper wrote.
// A missing file is NotFound: the process still runs, or the keeper died
// before it. A file of another form is Invalid.
func ReadExitFile(path string) (Exit, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return Exit{}, fault.As(fault.NotFound, err)
	}
	if err != nil {
		return Exit{}, err
	}
	return decodeExit(string(b))
}

func decodeExit(text string) (Exit, error) {
	bad := func() (Exit, error) {
		return Exit{}, fault.New(fault.Invalid, "the exit file is malformed")
	}
	line, ok := strings.CutSuffix(text, "\n")
	if !ok {
		return bad()
	}
	var v [3]int64
	for i, name := range []string{"code=", "signal=", "time="} {
		word, rest, _ := strings.Cut(line, " ")
		digits, ok := strings.CutPrefix(word, name)
		n, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || n < 0 {
			return bad()
		}
		v[i], line = n, rest
	}
	if line != "" || v[0] > 255 || v[1] > 127 {
		return bad()
	}
	return Exit{Code: int(v[0]), Signal: int(v[1]), Time: time.Unix(0, v[2])}, nil
}
