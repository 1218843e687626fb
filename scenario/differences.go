package scenario

// Differences names the oracle's scenarios whose answer here is not
// SwingSet's, on purpose, and says why. testdata/oracle has both answers:
// NAME.expected.json is SwingSet's, NAME.here this one's.
var Differences = map[string]string{
	// The kernel reads no bodies: how a promise settled is in the syscall.
	"s06d-bare-promise": "SwingSet reads the body of a fulfilment, finds that it is a bare promise and ends the vat; here it is data that mentions a promise",
	"resolve-bad-body":  "SwingSet reads the body of a fulfilment and ends the vat because it is no smallcaps; here a body is opaque",

	// An empty value is a value, and an empty key is none.
	"s11b-vatstore-empty-value": "SwingSet's vatstore_get takes an empty value for an absent one",
	"vatstore-empty-key":        "SwingSet stores under the empty key, though vatstore_next_key cannot find it; here a key has at least one byte",

	// What a guest can panic there is a guest fault here.
	"abandon-dup":            "a reference twice in abandon_exports panics SwingSet; here it is a guest fault",
	"resolve-not-decider":    "to resolve a promise that the vat does not decide panics SwingSet; here it is a guest fault",
	"resolve-twice-in-batch": "a promise twice in a batch panics SwingSet; here it is a guest fault",

	// A dying vat takes its pending GC actions along; SwingSet cannot run any more.
	"s23w-die-in-retireImports-exit1":   "the vat ends while its retireImport waits",
	"zz-die-in-dropExports-exit0":       "the vat ends while its retireExport waits",
	"zz-die-in-dropExports-exit1":       "the vat ends while its retireExport waits",
	"zz-host-terminate-with-gc-pending": "the host ends the vat while an action for it waits",

	// A panic rolls back to the crank's start before it is reported.
	"s28b-policy-panic": "SwingSet's tables show what the crank did before the panic; here the crank has not happened",
}
