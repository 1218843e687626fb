package puppet

import (
	"encoding/hex"
	"strings"
	"testing"
)

func assembled(t *testing.T, text string) string {
	t.Helper()
	b, err := Assemble(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return hex.EncodeToString(b)
}

// The bytes of each op and operand: guests/puppet decodes them.
func TestAssemble(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{" ; ;\n// nothing\n", ""},
		{"trap", "21"},
		{"print 5; trap", "300005" + "21"},
		{"print 300", "3000ac02"},
		{"print -1", "3000ffffffffffffffffff01"},
		{"print 0xFf", "3000ff01"},
		{"print 007", "300007"},
		{"print 18446744073709551617", "300001"}, // modulo 2^64
		{"print", "300000"},                      // missing arguments are 0
		{"subscribe p+5", "030053"},
		{"subscribe p-60", "0300c207"},
		{"print o+d7", "300079"},
		{"print none; print data; print rejected; print object", "300000300000300001300002"},
		{"set r3 7", "26030007"},
		{"add r17 r16", "27010100"}, // registers are counted modulo 16
		{"print s3; print a2", "300203" + "301402"},
		{"print $result; print $memsize", "3004" + "3006"},
		{"show 'ab'", "3303026162"},
		{`show "a\"b\\"`, "330304" + "6122625c"},
		{`show x"00ff"`, "33030200ff"},
		{"drop_imports [o-50 s0]", "0a090200a0060200"},
		{"drop_imports [o-50,s0;]", "0a090200a0060200"},
		{"resolve <$result 0 'x' []>", "040a010400000301780900"},
		{"resolve <$result object '' [o+1]>", "040a0104000203" + "10" + hex.EncodeToString([]byte(ObjectBody)) + "09010011"},
		{`resolve <$result object x"" [o+1]>`, "040a010400020300" + "09010011"},
		{"answer &$scratch 0 4", "101007" + "0000" + "0004"},
		{"print %$ans", "301108"},
		{"show ('b' [])", "330d0301620900"},
		{"on notify { trap }", "2803030121"},
		{"repeat 2 { print 1 }", "29000203" + "03300001"},
		{"run @go{ trap }", "3116" + "0422676f22" + "0121"}, // with a tag it is a body
		{"send o-50 { trap }", "0200a006" + "16" + "052272756e22" + "0121" + "000000000000"},
		{"mode 1", "340001"},
	} {
		if got := assembled(t, c.text); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestAssembleRefuses(t *testing.T) {
	deep := strings.Repeat("run { ", maxBlocks+2) + strings.Repeat(" }", maxBlocks+2)
	for _, c := range []struct{ text, want string }{
		{"fly", "unknown op fly"},
		{"'send'", "unknown op 'send'"},
		{"}", "unknown op }"},
		{"print zz", "bad operand zz"},
		{"print 1x", "bad operand 1x"},
		{"print 0x", "bad operand 0x"},
		{"print --1", "bad operand --1"},
		{"print $nothing", "bad operand $nothing"},
		{"print o+", "bad operand o+"},
		{"print o+1152921504606846976", "does not fit 60 bits"},
		{"print ]", "bad operand ]"},
		{`show x"0g"`, `bad operand x"0g"`},
		{`show x"000"`, `bad operand x"000"`},
		{`show "a`, "string not closed at 5"},
		{"show 'é' 'a", "string not closed at 9"}, // counted as JavaScript does
		{"drop_imports [o-50", "] missing"},
		{"resolve <1 2 3>", "four operands"},
		{"resolve <1 2 3 4", "> missing"},
		{"show (1)", "capdata has two operands"},
		{"set 5", "set wants a register"},
		{"set", "set wants a register"},
		{"on foo {}", "on wants a delivery: foo"},
		{"run { trap", "block not closed"},
		{"send o-50 @x y", "@tag wants {"},
		{"print &5", "& wants a pair"},
		{"print &", "operand missing"},
		{"print 1 2", "print has 1 arguments"},
		{"subscribe 'x'", "subscribe has 1 arguments"},
		{deep, "nested deeper"},
		{"print " + strings.Repeat("[", 3000), "nested too deep"},
		{strings.Repeat("run {", 3000), "nested deeper"},
	} {
		b, err := Assemble(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: %x, %v; want %q", c.text, b, err, c.want)
		}
	}
}

// What the dialect of scenarios has not is refused in the oracle's words.
func TestScenarioRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"call_now d-70 ''", "unknown op call_now in call_now d-70 ''"},
		{"mode 1", "unknown op mode in mode 1"},
		{"print data", "bad operand data in print data"},
		{"print a0", "bad operand a0 in print a0"},
		{"print $scratch", "bad operand $scratch in print $scratch"},
		{"print &$ans", "bad operand &$ans in print &$ans"},
		{"run {print 1", "block not closed: run {print 1"},
		{"drop_imports [1", "] missing"},
		{"send '", "string not closed at 5"},
	} {
		if _, err := new(Translator).Script(c.text); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
	// A body is not read when a message is queued, but when it is delivered.
	if _, err := new(Translator).Script(`send o-50 '#["x",["0T:fly"]]'`); err != nil {
		t.Error(err)
	}
}

func TestTranslatedBodies(t *testing.T) {
	print1 := "300001"
	for _, c := range []struct{ body, want, normal string }{
		{`no`, `no`, `no`},
		{`"0T:print 1"`, `"0T:print 1"`, `"..."`}, // no # at its start: no script
		{`#["m",[]]`, `#["m",[]]`, `#["m",[]]`},
		{`#["m",["0T:print 1"]]`, `#["m",["0P:` + print1 + `"]]`, `#["m",["..."]]`},
		{`#"0T:print 1" "0T:print 2"`, `#"0P:` + print1 + `" "0T:print 2"`, `#"..." "..."`}, // the first counts
		{`#["m",["0T:fly"]]`, `#["m",["0P:21"]]`, `#["m",["..."]]`},
		{`#["m",["0T:\q"]]`, `#["m",["0P:!"]]`, `#["m",["..."]]`},
		{`#["m",["0T:print 1`, `#["m",["0T:print 1`, `#["m",["0T:print 1`}, // no end
		{"#\"0T:\\\n\" \"0T:print 1\"", "#\"0T:\\\n\" \"0P:" + print1 + `"`, "#\"0T:\\\n\" \"...\""},
		{`#["run",["print 1"]]`, `#["run",["0Q:` + print1 + `:print 1"]]`, `#["run",["print 1"]]`},
		{`#["run",["print \u0031"]]`, `#["run",["0Q:` + print1 + `:print \u0031"]]`, `#["run",["print \u0031"]]`},
		{`#["run",["\q"]]`, `#["run",["0Q:!:\q"]]`, `#["run",["\q"]]`},
		{`#["run",[""]]`, `#["run",[""]]`, `#["run",[""]]`},
		{`#["run",["0P:21"]]`, `#["run",["0P:21"]]`, `#["run",["..."]]`},
		{`#["go",["print 1"]]`, `#["go",["print 1"]]`, `#["go",["print 1"]]`},
	} {
		var tr Translator
		got := tr.Body(c.body)
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.body, got, c.want)
		}
		if n := Normal(got); n != c.normal {
			t.Errorf("%s shows as %s, want %s", got, n, c.normal)
		}
		if !strings.Contains(got, `"0P:!`) && !strings.Contains(got, `:!:`) && !strings.Contains(got, `["0P:21"]]`) {
			if back := tr.Original(got); back != c.body {
				t.Errorf("%s was %s, is %s again", got, c.body, back)
			}
		}
	}
}

// Two texts with the same meaning do not become one script, so that each finds
// back to its own text.
func TestOriginalTellsEqualScriptsApart(t *testing.T) {
	var tr Translator
	for _, src := range []string{"print 1", "print  1", "print 0x1 // one", "send o-50 @a{ print \"x\" } []", "fly away"} {
		body := scriptBodyText("go", src)
		if got := tr.Original(tr.Body(body)); got != body {
			t.Errorf("%s became %s", body, got)
		}
		if got := tr.Original("a" + tr.Body(body) + tr.Body(body)); got != "a"+body+body {
			t.Errorf("%s became %s", body, got)
		}
	}
}

func scriptBodyText(tag, src string) string { return `#["` + tag + `",["` + scriptLiteral(src) + `"]]` }

func TestQuoteBytes(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		want string
	}{
		{"", 5, `""`},
		{"a\"\\\n\x7f", 9, `"a\"\\\x0a\x7f"`},
		{"é😀", 9, `"\xc3\xa9\xf0\x9f\x98\x80"`},
		{"é😀", 2, `"\xc3\xa9\xef\xbf\xbd"`}, // the pair is cut
		{"é😀", 1, `"\xc3\xa9"`},
		{"\xed\xa0\x80x", 9, `"\xef\xbf\xbdx"`}, // half a pair
		{"\xff\xc3", 9, `"\xff\xc3"`},
	} {
		if got := QuoteBytes(c.s, c.most); got != c.want {
			t.Errorf("%q: %s, want %s", c.s, got, c.want)
		}
	}
	for _, bad := range []string{``, `"`, `a`, `"a"b"`, `"\q"`, `"\x0"`, `"\xzz"`, "\"\n\""} {
		if s, ok := UnquoteBytes(bad); ok {
			t.Errorf("%q gave %q", bad, s)
		}
	}
}

// No text makes the assembler panic, and what the two dialects agree to take
// stays apart from what one of them refuses.
func FuzzAssemble(f *testing.F) {
	for _, s := range []string{"send o-50 @a{ resolve <$result 2 '' [s0]> } [o+7] p+5; subscribe p+5", "print [1 [2 'x']]; exit r1 ('a' [])",
		"on notify { ifeq r1 0 {trap} }", "vatstore_set x\"ff\" \"\\\"\"", "&%[]{}<>()", "run @{ print %$ans }"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, errFull := Assemble(text)
		var tr Translator
		if _, err := tr.Script(text); err == nil && errFull != nil && !strings.Contains(errFull.Error(), "arguments (") && !strings.Contains(errFull.Error(), "bad operand x\"") && !strings.Contains(errFull.Error(), "nested deeper") {
			t.Errorf("a scenario may have %q, but: %v", text, errFull)
		}
		body := tr.Body(text)
		Normal(body)
		if strings.HasPrefix(text, "#") && !strings.Contains(text, `"0P`) && !strings.Contains(text, `"0Q`) && !strings.Contains(body, `"0P:!"`) {
			if back := tr.Original(body); back != text {
				t.Errorf("%q became %q, and that %q", text, body, back)
			}
		}
		if s, ok := UnquoteBytes(QuoteBytes(text, 1<<30)); !ok || s != text && !strings.Contains(text, "\xed") {
			t.Errorf("%q is %q when quoted and unquoted", text, s)
		}
	})
}
