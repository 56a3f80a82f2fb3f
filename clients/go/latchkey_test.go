package latchkey

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	key   = "sk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV28hqg7"
	told  = `{"keyId":"k","ownerId":"ada","name":"a","keyPrefix":"sk_live_0123","environment":"live","expiresAt":null%s}`
	token = "lk_admin_00000000000000000000000000000000000000"
)

var ctx = context.Background()

func answering(status, headers, body string) []any {
	return []any{fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)}
}

func good(more string) []any { return answering("200 OK", "", fmt.Sprintf(told, more)) }

func with(text string) http.Header { return http.Header{"X-Api-Key": {text}} }

func statusOf(err error) int {
	if err == nil {
		return 200
	}
	return err.(*Refusal).Status
}

func TestAGoodKeyIsDescribed(t *testing.T) {
	more := strings.Replace(fmt.Sprintf(told, `,"scopes":["a","b:*"],"metadata":{"plan":"pro"},"limits":3`), "null", `"2099-01-01T00:00:00.123Z"`, 1)
	limit := "RateLimit: \"minute\";r=42;t=18\r\n"
	latchkey := must(New(startImposter(t, answering("200 OK", limit, more), true).url))
	principal := must(latchkey.Verify(ctx, with(key)))
	until := time.Date(2099, 1, 1, 0, 0, 0, 123e6, time.UTC)
	expected := &Principal{
		KeyID: "k", OwnerID: "ada", Name: "a", KeyPrefix: "sk_live_0123", Environment: "live",
		ExpiresAt: &until, Scopes: []string{"a", "b:*"}, Metadata: map[string]any{"plan": "pro"},
		Limits: http.Header{"Ratelimit": {`"minute";r=42;t=18`}},
	}
	if !reflect.DeepEqual(principal, expected) {
		t.Errorf("%+v", principal)
	}
}

func TestByAUnixSocketItIsTheSame(t *testing.T) {
	server := startServer(t)
	made := server.makeKey("a", "live", "")
	latchkey := must(New(server.socket))
	for range [3]int{} {
		if principal := must(latchkey.Verify(ctx, with(made.text()))); principal.KeyID != made["keyId"] {
			t.Errorf("%+v", principal)
		}
	}
	if _, err := latchkey.Verify(ctx, with(key)); statusOf(err) != 401 {
		t.Error(err)
	}
	server.call("PATCH", "/api/v1/api-keys/"+made["keyId"].(string), Members{"allowedNetworks": []string{"203.0.113.0/24"}}, "")
	for from, status := range map[string]int{"203.0.113.9": 200, "198.51.100.1": 403} {
		if _, err := latchkey.Verify(ctx, with(made.text()), From(from)); statusOf(err) != status {
			t.Error(from, err)
		}
	}
	if _, err := latchkey.Verify(ctx, with(made.text())); statusOf(err) != 403 {
		t.Error("without an address", err)
	}
	if _, err := must(New("unix:/nowhere/latchkey.sock")).Verify(ctx, with(key)); statusOf(err) != 503 {
		t.Error(err)
	}
	for _, address := range []string{"unix:", "unix:latchkey.sock", "unix:@latchkey"} {
		if _, err := New(address); err == nil {
			t.Error(address, "is taken")
		}
	}
}

func TestTheLimitsOfAGoodKeyAreHandedOn(t *testing.T) {
	limit := "RateLimit: \"minute\";r=42;t=18\r\n"
	upstream := startImposter(t, answering("200 OK", limit, fmt.Sprintf(told, "")), false)
	response, _ := rawGet(startService(t, upstream.url), [][2]string{{"x-api-key", key}})
	if got := response.Header.Get("RateLimit"); got != `"minute";r=42;t=18` {
		t.Error(response.Status, got)
	}
}

func TestScopesCostAndAddressAreAskedFor(t *testing.T) {
	upstream := startImposter(t, good(`,"scopes":null`), true)
	latchkey := must(New(upstream.url + "/keys/"))
	forwarded := with(key)
	forwarded["X-Forwarded-For"] = []string{"203.0.113.9", "10.0.0.1"}
	for _, each := range []struct {
		options           []Option
		query, comingFrom string
	}{
		{nil, "", "203.0.113.9, 10.0.0.1, unknown"},
		{[]Option{Scope("a|b"), Scope("c"), Cost(5)}, "?cost=5&scope=a%7Cb&scope=c", "203.0.113.9, 10.0.0.1, unknown"},
		{[]Option{Cost(0), From("10.0.0.2")}, "?cost=0", "203.0.113.9, 10.0.0.1, 10.0.0.2"},
	} {
		must(latchkey.Verify(ctx, forwarded, each.options...))
		request := upstream.take()[0]
		if !strings.HasPrefix(request, "GET /keys/api/v1/verify"+each.query+"\n") || !strings.Contains(request, "X-Forwarded-For: "+each.comingFrom+"\r\n") {
			t.Error(request)
		}
	}
}

func TestAPrincipalSaysWhatItsKeyLacks(t *testing.T) {
	text, err := os.ReadFile("../scopes.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Scopes      []string
		Requirement string
		Met         *bool
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, it := range cases {
		principal := &Principal{Scopes: it.Scopes}
		err, panicked := required(principal, it.Requirement)
		if panicked != (it.Met == nil) || !panicked && (err == nil) != *it.Met {
			t.Errorf("%v: %v, %v", it, err, panicked)
		}
		if err != nil {
			header := err.(*Refusal).Header
			challenge := `Bearer error="insufficient_scope", scope="` + it.Requirement + `"`
			if statusOf(err) != 403 || header.Get("WWW-Authenticate") != challenge || header.Get("X-Api-Key-Refusal") != "scope" {
				t.Errorf("%v: %v", it, header)
			}
		}
	}
}

func required(principal *Principal, requirement string) (err error, panicked bool) {
	defer func() { panicked = recover() != nil }()
	return principal.Require(requirement), false
}

func TestNoLatchkeyIsBelievedThatHasNotJudgedScopes(t *testing.T) {
	latchkey := must(New(startImposter(t, good(""), true).url))
	if _, err := latchkey.Verify(ctx, with(key), Scope("a")); statusOf(err) != 503 {
		t.Error(err)
	}
}

func TestAConnectionIsKept(t *testing.T) {
	upstream := startImposter(t, good(""), true)
	latchkey := must(New(upstream.url))
	for i := 0; i < 10; i++ {
		must(latchkey.Verify(ctx, with(key)))
	}
	if len(upstream.take()) != 10 || upstream.connections != 1 {
		t.Error(upstream.connections)
	}
}

func TestAConnectionThatWasClosedCostsNoRequest(t *testing.T) {
	// It closes after each answer, without saying so.
	latchkey := must(New(startImposter(t, good(""), false).url))
	for i := 0; i < 20; i++ {
		must(latchkey.Verify(ctx, with(key)))
	}
}

func TestAnAnswerWithoutEndIsNotRead(t *testing.T) {
	repeated := func(start, piece string) []any {
		script := []any{start}
		for i := 0; i < 100_000; i++ {
			script = append(script, piece)
		}
		return script
	}
	for _, script := range [][]any{
		repeated("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"),
		repeated("HTTP/1.1 200 OK\r\nX-Long: ", strings.Repeat("x", 100)),
		repeated("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "10\r\n0123456789abcdef\r\n"),
		repeated("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat(" ", 100)),
		repeated("", "HTTP/1.1 100 Continue\r\n\r\n"),
		{"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n{}", 1000.},
	} {
		latchkey := must(New(startImposter(t, script, false).url))
		latchkey.Timeout = 500 * time.Millisecond
		began := time.Now()
		if _, err := latchkey.Verify(ctx, with(key)); statusOf(err) != 503 || time.Since(began) > 1500*time.Millisecond {
			t.Error(script[0], err, time.Since(began))
		}
	}
}

func TestNothingThatWasReceivedIsRepeated(t *testing.T) {
	var causes []string
	for _, script := range [][]any{
		{key + "\r\n\r\n"},
		{"HTTP/1.1 " + key + "\r\n\r\n"},
		{"HTTP/1.1 200 OK\r\n" + key + "\r\n\r\n"},
		answering("200 OK", "", `"`+key+`"`),
		answering("200 OK", "", strings.Replace(fmt.Sprintf(told, ""), `"a"`, `"`+key+`"`, 1)),
		answering("403 Forbidden", "X-Api-Key-Refusal: scope\r\n", `{"error":"`+key+`"}`),
		answering("403 Forbidden", "X-Api-Key-Refusal: "+key+"\r\n", `{"error":"a"}`),
	} {
		latchkey := must(New(startImposter(t, script, false).url))
		latchkey.Log = func(cause string) { causes = append(causes, cause) }
		_, err := latchkey.Verify(ctx, with(key))
		if statusOf(err) != 503 || strings.Contains(fmt.Sprintf("%+v", err), key) {
			t.Errorf("%v: %+v", script, err)
		}
	}
	if len(causes) != 7 || strings.Contains(fmt.Sprint(causes), key) {
		t.Error(causes)
	}
}

func TestARequestThatWasCancelledIsRefusedAndNotLogged(t *testing.T) {
	latchkey := must(New(startImposter(t, []any{1000.}, false).url))
	latchkey.Log = func(cause string) { t.Error(cause) }
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := latchkey.Verify(soon, with(key)); statusOf(err) != 503 {
		t.Error(err)
	}
}

func TestOtherAddressesAreRefused(t *testing.T) {
	for _, address := range []string{
		"", "127.0.0.1:8080", "/api", "ftp://127.0.0.1", "http://", "http://user:word@127.0.0.1",
		"http://127.0.0.1/?a=b", "http://127.0.0.1/#a", "http://127.0.0.1:x", "http://127.0.0.1\r\n",
	} {
		if _, err := New(address); err == nil || strings.Contains(err.Error(), "word") {
			t.Error(address, err)
		}
	}
}

func TestAKeyIsRefusedFromTheMomentItsRevokeIsAnswered(t *testing.T) {
	server := startServer(t)
	latchkey := must(New(server.url))
	for i := 0; i < 20; i++ {
		made := server.makeKey("a", "live", "")
		must(latchkey.Verify(ctx, with(made.text())))
		server.call("DELETE", "/api/v1/api-keys/"+made["keyId"].(string), nil, "")
		if _, err := latchkey.Verify(ctx, with(made.text())); statusOf(err) != 401 {
			t.Fatal(err)
		}
	}
}

func TestManagementGoesOnToTheNextPage(t *testing.T) {
	upstream := startImposter(t, answering("200 OK", "", `{"items":[{"id":"1"},{"id":"2"}],"next":"c/2"}`), true)
	manage, ids := must(NewManage(upstream.url, token)), ""
	err := manage.Keys(ctx, Filters{"owner": "org 1"}, func(key Key) error {
		ids += key.ID
		upstream.mutex.Lock()
		upstream.script = answering("200 OK", "", `{"items":[{"id":"3"}],"next":null}`)
		upstream.mutex.Unlock()
		return nil
	})
	requests := upstream.take()
	if err != nil || ids != "123" || !strings.HasPrefix(requests[1], "GET /api/v1/admin/api-keys?after=c%2F2&owner=org+1\n") {
		t.Error(err, ids, requests)
	}
}

func TestAnOwnerStaysWithinItsPartOfThePath(t *testing.T) {
	upstream := startImposter(t, answering("200 OK", "", "{}"), true)
	manage := must(NewManage(upstream.url, token))
	for owner, sent := range map[string]string{"a/b": "a%2Fb", "..": "%2E%2E", "a?b#c%": "a%3Fb%23c%25", "auth0|5": "auth0%7C5"} {
		must(manage.GetOwner(ctx, owner))
		if request := upstream.take()[0]; !strings.HasPrefix(request, "GET /api/v1/admin/owners/"+sent+"\n") {
			t.Error(request)
		}
	}
}

func TestManagementSaysWhyACallWasRefusedAndNeverTheToken(t *testing.T) {
	for _, each := range []struct {
		script []any
		status int
		code   string
	}{
		{answering("403 Forbidden", "X-Error-Code: missing_right\r\n", `{"error":"No `+token+`"}`), 403, "missing_right"},
		{answering("502 Bad Gateway", "", `{"error":"a"}`), 502, "unknown"},
		{answering("200 OK", "", `"`+token+`"`), 200, "unknown"},
		{[]any{token}, 0, "unreachable"},
	} {
		manage := must(NewManage(startImposter(t, each.script, false).url, token))
		_, err := manage.CreateKey(ctx, "ada", Members{"name": "a"})
		refusal, _ := err.(*ManageError)
		if refusal == nil || refusal.Status != each.status || refusal.Code != each.code || strings.Contains(err.Error(), token) {
			t.Error(each.script, err)
		}
	}
	if _, err := NewManage("http://127.0.0.1", "sk_live_x"); err == nil || strings.Contains(err.Error(), "sk_live_x") {
		t.Error(err)
	}
}

func TestManagementMakesNoChangeTwice(t *testing.T) {
	upstream := startImposter(t, answering("200 OK", "", `{"id":"k"}`), true)
	manage := must(NewManage(upstream.url, token))
	must(manage.CreateKey(ctx, "ada", Members{"name": "a"}))
	upstream.mutex.Lock()
	upstream.script = nil
	upstream.mutex.Unlock()
	if _, err := manage.CreateKey(ctx, "ada", Members{"name": "b"}); err == nil || len(upstream.take()) != 2 {
		t.Error(err)
	}
}

// backend has the calls by a token for owners that begin with org_, and the status of a verification.
func backend(t *testing.T, needed ...string) (*Manage, func(text string) int) {
	server, binary := startServer(t), os.Getenv("LATCHKEY_BINARY")
	known := string(must(exec.Command(binary, "openapi").Output()))
	for _, text := range append(needed, "/api/v1/admin/owners/{owner}/api-keys") {
		if !strings.Contains(known, text) {
			t.Skip("this Latchkey does not know", text)
		}
	}
	command := exec.Command(binary, "token", "create", "--name", "backend",
		"--allow", "keys:write,audit:read,owners:write,usage:read", "--owners", "org_*")
	command.Env, command.Stderr = server.environment, os.Stderr
	made := must(command.Output())
	latchkey := must(New(server.url))
	return must(NewManage(server.url, strings.TrimSpace(string(made)))), func(text string) int {
		_, err := latchkey.Verify(ctx, with(text))
		return statusOf(err)
	}
}

func expect(t *testing.T, holds bool, about ...any) {
	t.Helper()
	if !holds {
		t.Error(about...)
	}
}

func TestABackendManagesTheKeysOfItsUsers(t *testing.T) {
	manage, statusWith := backend(t)
	owner := "org_1/ada.b"
	first := must(manage.CreateKey(ctx, owner, Members{"name": "Production"}))
	expect(t, statusWith(first.Key) == 200)
	item := must(manage.GetKey(ctx, owner, first.ID))
	expect(t, item.Name == "Production" && item.Enabled && item.CreatedAt != nil && item.ExpiresAt == nil, item)
	expect(t, len(must(manage.ListKeys(ctx, owner, nil))) == 1)
	expect(t, !must(manage.ChangeKey(ctx, owner, first.ID, Members{"enabled": false})).Enabled)
	expect(t, statusWith(first.Key) == 401)
	must(manage.ChangeKey(ctx, owner, first.ID, Members{"enabled": true}))
	second := must(manage.RotateKey(ctx, owner, first.ID, Members{"overlapSeconds": 0}))
	expect(t, second.Replaces == first.ID && statusWith(first.Key) == 401 && statusWith(second.Key) == 200, second.ID)
	expect(t, manage.RevokeKey(ctx, owner, second.ID) == nil && statusWith(second.Key) == 401)
	expect(t, len(must(manage.ListKeys(ctx, owner, Filters{"status": "revoked"}))) == 2)
	for err, code := range map[error]string{
		manage.RevokeKey(ctx, owner, second.ID):   "404 key_not_found",
		manage.RevokeKey(ctx, "other", second.ID): "403 owner_not_allowed",
	} {
		refusal, _ := err.(*ManageError)
		expect(t, refusal != nil && fmt.Sprint(refusal.Status, " ", refusal.Code) == code, err)
	}
}

func TestAllKeysAreFoundAndThoseOfALeaverRevoked(t *testing.T) {
	manage, statusWith := backend(t, "/api/v1/admin/api-keys/revoke", "/api/v1/admin/audit-events")
	for i := 0; i < 5; i++ {
		must(manage.CreateKey(ctx, "org_2", Members{"name": "a", "createdBy": "bob"}))
	}
	last := must(manage.CreateKey(ctx, "org_2", Members{"name": "a", "createdBy": "bob"}))
	expect(t, must(manage.GetKey(ctx, "org_2", last.ID)).CreatedBy == "bob")
	var found []string
	err := manage.Keys(ctx, Filters{"createdBy": "bob", "limit": "2"}, func(key Key) error {
		found = append(found, key.ID)
		return nil
	})
	revoked := must(manage.RevokeKeys(ctx, "", "bob"))
	expect(t, err == nil && len(found) == 6 && len(revoked) == 6 && statusWith(last.Key) == 401, found, revoked)
	if scopes := must(manage.Scopes(ctx)); scopes == nil || len(scopes) > 0 {
		t.Errorf("scopes without a catalogue: %v", scopes)
	}
	events := must(manage.AuditEvents(ctx, Filters{"owner": "org_2", "limit": "1"}))
	expect(t, len(events) == 1 && events[0].Action == "keys.revoked" && len(events[0].KeyIDs) == 6, events)
}

func TestLimitsAndCreditsAreSetAndShown(t *testing.T) {
	manage, _ := backend(t, `"/api/v1/admin/owners/{owner}/credits"`)
	number := func(n int64) *int64 { return &n }
	daily := []Limit{{7, "day"}}
	members := Members{"name": "a", "limits": []Members{{"limit": 7, "every": "day"}}, "credits": 5}
	id := must(manage.CreateKey(ctx, "org_6", members)).ID
	key := must(manage.AddCredits(ctx, "org_6", id, number(-2)))
	expect(t, *key.Credits == 3 && len(key.Limits) == 1 && key.Limits[0] == daily[0], key)
	expect(t, must(manage.ChangeKey(ctx, "org_6", id, Members{"limits": nil})).Limits == nil)
	expect(t, *must(manage.AddOwnerCredits(ctx, "org_6", number(9))).Credits == 9)
	expect(t, must(manage.AddOwnerCredits(ctx, "org_6", nil)).Credits == nil)
	events := must(manage.AuditEvents(ctx, Filters{"owner": "org_6", "limit": "1"}))
	expect(t, len(events) == 1 && events[0].Action == "credits.added" && events[0].Changes["credits"] != nil, events)
}

func TestUsageIsTold(t *testing.T) {
	manage, statusWith := backend(t, `"/api/v1/admin/owners/{owner}/usage"`)
	key := must(manage.CreateKey(ctx, "org_9", Members{"name": "a"}))
	expect(t, statusWith(key.Key) == 200)
	expect(t, len(must(manage.KeyRefusals(ctx, "org_9", key.ID))) == 0)
	usage := Usage{}
	for tries := 0; len(usage.Items) == 0 && tries < 100; tries++ {
		time.Sleep(200 * time.Millisecond) // a first use is shown within seconds
		usage = must(manage.KeyUsage(ctx, "org_9", key.ID, Filters{"by": "hour"}))
	}
	expect(t, len(usage.Items) == 1 && usage.By == "hour" && usage.Items[0].Accepted == 1 && usage.Items[0].Cost == 1, usage)
	expect(t, len(must(manage.OwnerUsage(ctx, "org_9", nil)).Items) == 1)
	listed := must(manage.ListKeys(ctx, "org_9", Filters{"include": "usage"}))
	expect(t, len(listed) == 1 && len(listed[0].Usage) == 30, listed)
}

func TestAnOwnerIsSuspendedAndComesBack(t *testing.T) {
	manage, statusWith := backend(t, `"/api/v1/admin/owners/{owner}"`)
	key := must(manage.CreateKey(ctx, "org_3", Members{"name": "a"})).Key
	must(manage.SetOwner(ctx, "org_3", Members{"maxKeys": 5, "suspended": true}))
	expect(t, statusWith(key) == 401)
	must(manage.SetOwner(ctx, "org_3", Members{"maxKeys": nil, "suspended": false}))
	expect(t, statusWith(key) == 200 && must(manage.GetOwner(ctx, "org_3")).Keys == 1)
}
