// Package data has the tests of what containers keep: real databases whose containers and daemon
// are killed while they write, and file systems that are held against the host's own.
//
// By default each is short; BERTH_DATA_ROUNDS=100 has the databases killed a hundred times and
// the file systems tried with as many more random operations.
package data
