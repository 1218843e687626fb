package capdata_test

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/crankcase/crankcase/capdata"
)

func ExampleParseVref() {
	v, err := capdata.ParseVref("o+d7")
	fmt.Println(uint64(v), v.Kind(), v.Exported(), v.Durable(), v.Index(), err)
	_, err = capdata.ParseVref("d+7")
	fmt.Println(err)
	// Output:
	// 121 object true true 7 <nil>
	// vref at byte 1: expected - (a vat has no devices of its own), found "+7"
}

func ExampleAppendMessage() {
	args := capdata.CapData{Body: []byte(`#["ping",[]]`)}
	payload := capdata.AppendMessage(nil, capdata.Root, capdata.Import(capdata.Promise, 60), args)
	target, result, args, err := capdata.ParseMessage(payload)
	fmt.Println(len(payload), target, result, string(args.Body), err)
	// Output: 36 o+0 p-60 #["ping",[]] <nil>
}

func ExampleEncodeCall() {
	purse := capdata.Remotable[capdata.Vref]{Ref: capdata.Import(capdata.Object, 50), Iface: "Alleged: purse"}
	call, err := capdata.EncodeCall[capdata.Vref]("transfer",
		map[string]any{"amount": big.NewInt(100), "from": purse, "to": purse}, "#1 of 2")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(call.Body), call.Slots)

	method, args, err := capdata.DecodeCall(call)
	fmt.Println(method, len(args), args[1], err)
	// Output:
	// #["transfer",[{"amount":"+100","from":"$0.Alleged: purse","to":"$0"},"!#1 of 2"]] [o-50]
	// transfer 2 #1 of 2 <nil>
}

func ExampleDecode() {
	rejection := capdata.KernelData{Body: capdata.ErrorBody("vat terminated")}
	v, err := capdata.Decode(rejection)
	if err != nil {
		fmt.Println(err)
		return
	}
	var e *capdata.Error
	if err, ok := v.(error); ok && errors.As(err, &e) {
		fmt.Println(e.Name, "/", e.Message)
	}
	_, err = capdata.Decode(capdata.KernelData{Body: []byte(`#["$0"]`)})
	fmt.Println(err)
	// Output:
	// Error / vat terminated
	// smallcaps at byte 2: expected no mention of slots, since there are none, found "\"$0\"]"
}

func ExampleEncode() {
	d, err := capdata.Encode[capdata.Kref]([]any{
		nil, capdata.Undefined{}, -1e-7, "-1", capdata.Symbol("@@asyncIterator"),
		&capdata.Tagged{Tag: "copySet", Payload: []any{"b", "a"}},
		capdata.PromiseRef[capdata.Kref]{Ref: 161},
	})
	fmt.Println(string(d.Body), d.Slots, err)
	_, err = capdata.Encode[capdata.Kref](map[string]any{"when": []any{1, struct{}{}}})
	fmt.Println(err)
	// Output:
	// #[null,"#undefined",-1e-7,"!-1","%@@asyncIterator",{"#tag":"copySet","payload":["b","a"]},"&0"] [kp40] <nil>
	// smallcaps: .when[1]: cannot encode a struct {}
}

func ExampleMethodName() {
	fmt.Println(capdata.MethodName([]byte(`#["ping",[]]`)))
	fmt.Println(capdata.MethodName([]byte(`#["%@@asyncIterator",[]]`)))
	fmt.Println(capdata.MethodName([]byte(`not a call`)))
	// Output:
	// ping
	// [@@asyncIterator]
	// <unknown>
}
