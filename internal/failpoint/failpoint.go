// Package failpoint marks the places at which a killed process leaves the most
// behind: between two steps of an executor, one of which is durable or visible and the
// other not yet.
//
// A mark costs nothing: At is an empty function, which the compiler leaves out. Only
// programs built with the tag "failpoint" die at one: when the directory that
// BERTH_FAILPOINTS names holds a file of that name. The file is taken away first, so that
// whoever put it there sees that the place was reached, and so that the next life of the
// program gets past it. A tag, and not a switch of the daemon's, so that what users run
// has no such thing in it.
//
// test/crash finds the names in the source, each of them, and has the daemon die there.
package failpoint
