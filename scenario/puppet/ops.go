package puppet

// An op of the puppet: its code in a script, and its number of flattened
// arguments, of which a pair is two.
type op struct {
	code byte
	args int
}

// Codes that the assembler itself has to know.
const (
	opSend      = 2
	opSubscribe = 3
	opResolve   = 4
	opExit      = 5
	opGet       = 6
	opSet       = 7
	opDelete    = 8
	opNextKey   = 9
	opDrop      = 10
	opRetireImp = 11
	opRetireExp = 12
	opAbandon   = 13
	opReturn    = 32
	opTrap      = 33
	opBurn      = 34
	opSetReg    = 38
	opAddReg    = 39
	opOn        = 40
	opRepeat    = 41
	opIfEq      = 42
	opIfNe      = 43
	opEcho      = 44
	opPrint     = 48
	opRun       = 49
	opFill      = 50
	opSay       = 53
	opLog       = 54
	opNumbers   = 55
)

// ops are all ops by name. guests/puppet/src/run.c has the same codes.
var ops = map[string]op{
	"read": {1, 3}, "send": {opSend, 6}, "subscribe": {opSubscribe, 1}, "resolve": {opResolve, 2}, "exit": {opExit, 5},
	"vatstore_get": {opGet, 4}, "vatstore_set": {opSet, 4}, "vatstore_delete": {opDelete, 2}, "vatstore_next_key": {opNextKey, 4},
	"drop_imports": {opDrop, 2}, "retire_imports": {opRetireImp, 2}, "retire_exports": {opRetireExp, 2}, "abandon_exports": {opAbandon, 2},
	"call_now": {14, 5}, "console": {15, 3}, "answer": {16, 3}, "fault": {17, 2}, "bundle_len": {18, 0}, "bundle_read": {19, 3},
	"return": {opReturn, 1}, "trap": {opTrap, 0}, "burn": {opBurn, 1}, "spin": {35, 0}, "recurse": {36, 1}, "grow": {37, 1},
	"set": {opSetReg, 1}, "add": {opAddReg, 1}, "on": {opOn, 2}, "repeat": {opRepeat, 3}, "ifeq": {opIfEq, 4}, "ifne": {opIfNe, 4},
	"echo": {opEcho, 1}, "poke": {45, 2}, "peek": {46, 1}, "float": {47, 1}, "print": {opPrint, 1}, "run": {opRun, 2},
	"fill": {opFill, 1}, "show": {51, 2}, "mode": {52, 1}, "say": {opSay, 2}, "log": {opLog, 2}, "numbers": {opNumbers, 2},
}

// scenarioOps are the ops that a script in a scenario may have.
var scenarioOps = map[string]bool{
	"send": true, "subscribe": true, "resolve": true, "exit": true, "vatstore_get": true, "vatstore_set": true, "vatstore_delete": true,
	"vatstore_next_key": true, "drop_imports": true, "retire_imports": true, "retire_exports": true, "abandon_exports": true, "console": true,
	"return": true, "trap": true, "set": true, "add": true, "on": true, "repeat": true, "ifeq": true, "ifne": true, "echo": true, "print": true,
	"run": true, "fill": true, "burn": true,
}

// Tags of operands, as in guests/puppet/src/operand.c.
const (
	tagNumber      = 0
	tagRegister    = 1
	tagSlot        = 2
	tagBlob        = 3
	tagList        = 9
	tagBatch       = 10
	tagCapdata     = 13
	tagPointerOf   = 16
	tagLengthOf    = 17
	tagAnswerSlot  = 20
	tagObjectBatch = 21
	tagScriptBody  = 22
)

// A variable is an operand without a payload.
type variable struct {
	tag      byte
	pair     bool
	scenario bool // scripts in scenarios have it
}

var variables = map[string]variable{
	"$result": {4, false, true}, "$target": {5, false, true}, "$memsize": {6, false, false}, "$scratch": {7, true, false},
	"$ans": {8, true, true}, "$body": {11, true, true}, "$kind": {12, false, true}, "$nslots": {14, false, true},
	"$slots": {15, true, true}, "$incarnation": {18, false, false}, "$flags": {19, false, false},
}

// settlements are words for how a promise settled.
var settlements = map[string]uint64{"data": 0, "rejected": 1, "object": 2}

var deliveries = map[string]byte{"startVat": 1, "message": 2, "notify": 3, "dropExports": 4, "retireExports": 5, "retireImports": 6, "bringOutYourDead": 7}
