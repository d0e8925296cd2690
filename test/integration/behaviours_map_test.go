package integration

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// behaviours says which tests try the behaviours that users know of Docker, by their numbers in the list of them.
// A test is named by its function, or by the sentence of the part of TestWhatUsersOfDockerKnow that it is.
func behaviours() map[int][]string {
	return map[int][]string{
		1:   {"a container is found by ID, then by name, then by the beginning of its ID", "the beginning of several containers' IDs is refused"},
		2:   {"a name has at least two characters, and no strange ones"},
		3:   {"a name that was not given is an adjective and a surname", "TestNamesAreCheckedAndGenerated"},
		4:   {"a name in use is refused with the ID of who has it, and renaming to the present name is refused"},
		5:   {"the ID that is shown is the first 12 digits", "TestAnImageIsFoundByEveryFormOfItsName"},
		7:   {"an anonymous volume has a name of 64 digits, and a volume is found by its whole name"},
		8:   {"the host name is the beginning of the ID, and with the host's network the host's"},
		33:  {"a program that is missing is 127, one that cannot be run 126, and the state says why", "a start that fails leaves the text in the state, and 128 when nothing fits better"},
		34:  {"run gives output and errors apart, and a container's exit code", "the end of the client's input ends the container's"},
		35:  {"a terminal needs one, and nothing is made without", "TestATerminalsOutputIsNotFramed"},
		36:  {"TestAStreamIsTakenOverInBothForms", "TestFramesOfSeveralWritersAreNotMixed"},
		37:  {"TestDetachKeysLeaveTheContainerRunning", "TestDetachKeyWords"},
		38:  {"TestSignalsAreForwarded", "TestSignalsThatAreTheClientsOwnAreNotForwarded"},
		39:  {"--rm and a restart policy exclude each other"},
		40:  {"--rm removes the container with its anonymous volumes, also after a failed start, and rm -v does"},
		41:  {"a running container is removed by force only", "TestRmTakesAnonymousVolumesAlongWhenAsked"},
		42:  {"a cidfile may not be there, and goes when the create fails"},
		43:  {"the environment has a PATH, the host name, the user's home, and what was given", "TestTheEnvironmentHasDockersOrder"},
		44:  {"the environment has a PATH, the host name, the user's home, and what was given"},
		45:  {"an entry point of the user's takes the image's command away"},
		46:  {"a working directory is made when it is missing, and must be absolute"},
		47:  {"labels of the image are inherited, and the user's replace those of the same key"},
		48:  {"TestHealthcheckFieldsUnsetByTheUserAreTakenFromTheImageOneByOne"},
		49:  {"twice the memory is what memory and swap are limited to together"},
		50:  {"--cpus is a quota of a period of 100 ms and excludes both"},
		51:  {"TestPidsLimit0OrBelowMeansUnlimitedOnCreateAndUpdate"},
		52:  {"an adjustment of the OOM score is between -1000 and 1000"},
		53:  {"TestUpdateChangesLimitsOnTheFlyAndRefusesWhatContradicts"},
		68:  {"-v makes a missing host directory at the start, with mode 0755 and root's, and --mount of a missing path is refused"},
		69:  {"the first part of -v is a bind when it is absolute and else a volume's name, one part is an anonymous volume, and dest:mode is refused"},
		70:  {"an empty volume is filled at the create with owners and modes, a bind, nocopy and one that holds something are not, and a file is refused", "TestVolumesAreAlikeOnBothDaemons"},
		71:  {"one target twice is refused with its name, be it of -v, --mount or --tmpfs"},
		72:  {"volumes-from come first and later ones of them win, then binds, then mounts, and a VOLUME of the image whose place is taken is skipped", "TestMountsAreAlikeOnBothDaemons"},
		73:  {"--volumes-from takes all mounts to the same places, read-only when it says so, and no words of propagation or copying"},
		74:  {"a bind is rprivate by itself, shared and slave need a fitting mount, and one around the daemon's root is rslave", "TestMountsPropagateAsFarAsTheyAreAskedTo"},
		75:  {"a read-only bind is so with what is mounted below, by an older API or bind-recursive=writable by itself", "TestBindsTakeWhatIsBelowThemAsTheirOptionsSay"},
		76:  {"the target / is refused, and a source of a tmpfs, and an unknown type"},
		77:  {"a volume that is there is made again, one in use is not removed, and one that is missing is by force"},
		78:  {"a prune takes anonymous volumes, with -a named ones, and never those that a container has, be it stopped"},
		79:  {"a mount of an image is read-only, and its part stays inside", "TestAnImageIsMountedReadOnlyAndKeptForAsLongAsItIs"},
		80:  {"dangling volumes are those that no container has"},
		100: {"a stop of what is stopped is not modified, and -t 0 kills at once", "TestStopAsksFirstAndKillsAfterwards"},
		101: {"kill waits for the end, and what was killed is not started again", "a signal that need not mean an end leaves the container running", "TestAKillThatNeedNotMeanAnEndIsNoStop"},
		102: {"TestStopAndKillOfAPausedContainerResumeIt", "TestVerbsOnEveryStateAreAnsweredAsDebiansDockerAnswersThem"},
		103: {"a restart is told of as kill, die, stop, start and restart", "TestARestartKeepsAContainerThatGoesByItself"},
		104: {"TestTheBackOffDoublesFrom100MillisecondsToAMinute", "TestARunOfTenSecondsBeginsTheBackOffAnew", "TestARestartingContainerIsShownAsDockerShowsIt"},
		105: {"TestAtDaemonStartAlwaysStartsWhatWasStoppedByHandAndUnlessStoppedDoesNot"},
		106: {"TestOnFailureRestartsOnlyForAnExitCodeOtherThan0AndUpToNTimes"},
		107: {"a paused container runs, and takes no exec, start or rm", "TestPauseAndStopHaltTheMonitorAsInDocker"},
		108: {"wait prints an exit code a line, in the order of its arguments", "TestEachConditionOfWaitEndsWhenItHolds", "TestWaitSendsItsHeaderBeforeTheEnd"},
		109: {"an end is told of with its exit code and how long it ran, and before a removal", "TestARunsBeginningAndEndAreToldInDockersOrder"},
		110: {"TestARealDebianRuns", "TestAnOomKillIsTold"},
		111: {"TestContainersOutliveTheDaemonAndItsKeeperLeavesAfterThem", "TestWithoutLiveRestoreContainersEndWithTheDaemonAndComeBackByTheirPolicy"},
		112: {"TestAtADaemonsEndContainersGetTheirStopSignalInParallel"},
		113: {"TestARenameOfARunningContainerOutlivesTheDaemon", "TestARenameIsSeenKeptAndFreesTheOldName"},
		114: {"TestARemovalThatFailsLeavesADeadContainerThatCanBeRemovedAgain"},
		115: {"TestExecDoesAsDockers", "a paused container runs, and takes no exec, start or rm"},
		116: {"an exec has the container's environment, a user and a directory, and its exit code is told", "TestExecsAreForgottenWithTheirContainerOrAWhileAfterTheirEnd"},
		117: {"TestExecTakesTheContainersEnvironmentAndWhatIsGivenToIt"},
		118: {"TestAProcessStartedByExecGoesOnWhenTheClientConnectionGoesAway"},
		119: {"attach shows nothing of what was said before", "TestAttachEndsWithTheContainersCodeAndRefusesAStoppedOne"},
		120: {"TestLogsWorksForStoppedOnesForACreatedOneItIsEmptyAndAnUnreadableDriverIsRefused"},
		121: {"TestLogFilesHaveWhatDockersHave", "TestAJSONFileIsRotatedByDefaultAsDockersLocalIs"},
		122: {"TestTheRingNeverWaitsAndDropsTheOldest", "TestAReceiverThatTakesNothingHoldsANonBlockingContainerUpNeverAndTheEndOfABlockingOneNotForLong"},
		123: {"TestSinceAndUntilTakeUnixTimesRFC3339AndDurations", "a log has both streams, the lines asked for and times of nine digits"},
		124: {"a line of more than 16 KiB comes back whole", "TestALongLineIsSplitIntoParts"},
		125: {"TestCopiesInAreDockers", "TestCopiesOutAreDockers", "TestPathsMeanWhatTheyMeanToCp"},
		126: {"TestCopiesInAreAlike", "TestCopiesOutAreAlike", "TestRunningContainersAndTheirMountsAreSeenAsByDocker"},
		127: {"TestRequestsForFilesAreAnsweredAsByDocker", "TestEveryParameterIsAnsweredAsDebiansDockerAnswersIt"},
		128: {"TestChangesExportsAndCommitsAreDockers"},
		129: {"TestTopAnswersAsDockersDoes"},
		130: {"TestStatsAnswerAsDockersDo", "TestStatsAreAlike"},
		131: {"what a healthcheck does not say is 30 seconds, 3 retries and no start period, and is not shown", "TestProbesComeEveryIntervalAndMoreOftenWhileStarting"},
		132: {"TestProbesComeEveryIntervalAndMoreOftenWhileStarting", "TestAStreakOfFailuresMakesUnhealthyAndOneSuccessHealthy"},
		133: {"TestAProbeThatTakesTooLongIsKilledWithWhatItStarted"},
		134: {"TestPauseAndStopHaltTheMonitorAsInDocker", "TestAHealthcheckIsShownInInspectAndPsAndFiltered"},
		135: {"ps shows the newest first, and -n and -l stopped ones too", "filters of one key are alternatives, of several keys all hold, and a wrong one is refused"},
		136: {"TestPsShowsWhatItsFiltersSay"},
		137: {"ps finds by image, volume and port, and takes both forms of filters"},
		138: {"ps finds by image, volume and port, and takes both forms of filters", "TestEventsAreFilteredAndABadQuestionIsRefused"},
		139: {"json is an object a line, a table has headers, and escapes are read", "TestListsAndInspectionsAreAlike"},
		140: {"inspect shows those that are there, in a list, and fails for the others"},
		141: {"events of the past are filtered by name, ID and what happened", "TestEventsOutliveAKilledDaemonAndTellOnceOfAnEndInBetween", "TestWhoIsTooSlowIsLetGoAndKeepsNobodyWaiting"},
		142: {"a command on many names goes on after a failure and ends with 1", "TestManyNamesKeepTheirOrderAndAllErrorsAreTold"},
		143: {"TestAPruneOfEverythingIsAlike", "TestPruneAsksForWhatTheConfigurationAndTheFlagsSay"},
	}
}

// untried says why a behaviour has no test, or what of one is not there yet.
func untried() map[int]string {
	return map[int]string{
		6:   "there are no networks yet beside the three that are always there, which have one name each",
		137: "a commit's image does not say yet from which it was made: ancestor finds an image's own containers",
		144: "there is no build yet",
		145: "there is no build yet",
	}
}

// TestEveryBehaviourOfContainersHasATestOrAReason looks for the tests that the table names in the source.
func TestEveryBehaviourOfContainersHasATestOrAReason(t *testing.T) {
	source := testSource(t)
	tests, reasons := behaviours(), untried()
	for _, span := range [][2]int{{1, 8}, {33, 53}, {68, 80}, {100, 145}} {
		for n := span[0]; n <= span[1]; n++ {
			if len(tests[n]) == 0 && reasons[n] == "" {
				t.Errorf("behaviour %d has neither a test nor a reason", n)
			}
			for _, name := range tests[n] {
				declared := fmt.Sprintf("func %s(t *testing.T)", name)
				if !strings.HasPrefix(name, "Test") {
					declared = fmt.Sprintf("%q: func(k known)", name)
				}
				if !strings.Contains(source, declared) {
					t.Errorf("behaviour %d: there is no %s", n, declared)
				}
			}
			delete(tests, n)
			delete(reasons, n)
		}
	}
	if len(tests)+len(reasons) > 0 {
		t.Errorf("these are not of containers: %v %v", tests, reasons)
	}
}

// TestTheListOfBehavioursHasTheNumbersOfTheTable reads the list that stands beside the checkout, where there is one.
func TestTheListOfBehavioursHasTheNumbersOfTheTable(t *testing.T) {
	text, err := os.ReadFile("../../../shared/surface/behaviours.md")
	if err != nil {
		t.Skipf("there is no list to compare with: %v", err)
	}
	for n := range behaviours() {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^%d\. `, n)).Match(text) {
			t.Errorf("the list has no behaviour %d", n)
		}
	}
}

// testSource is the text of all tests.
func testSource(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, root := range []string{"../../internal", "../../test"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			all.Write(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
