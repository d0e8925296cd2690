// Package crash has the tests that kill the daemon, and the keeper, at bad
// moments, and look whether anything that was promised is lost.
package crash
