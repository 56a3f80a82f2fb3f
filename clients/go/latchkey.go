// Package latchkey asks a Latchkey whether the API key of a request is good, and whose it is.
//
// The rules are the same in every client of Latchkey: the key is in X-Api-Key, or, only where that header is absent or
// empty, behind Authorization: Bearer; two headers of one name are refused; what Latchkey refuses is passed on as it is;
// on any doubt the answer is 503. Nothing is cached, no redirect is followed, no proxy setting is read, and no key is in
// an error or a log.
package latchkey

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	challenge     = `ApiKey realm="api", Bearer realm="api"`
	longestAnswer = 16 << 10
)

var (
	limits   = []string{"Ratelimit-Policy", "Ratelimit"}
	passedOn = append([]string{"Www-Authenticate", "Retry-After", "X-Api-Key-Refusal", "X-Error-Code", "X-Request-Id"}, limits...)
)

// Principal is a good key, as Latchkey describes it.
type Principal struct {
	KeyID, OwnerID, Name, KeyPrefix, Environment string

	ExpiresAt *time.Time     // nil: never
	Scopes    []string       // nil: the key is not restricted
	Metadata  map[string]any // never nil
	Limits    http.Header    `json:"-"` // RateLimit-Policy and RateLimit, where the key has limits
}

var aScope = regexp.MustCompile(`^[a-z0-9_.-]+(:[a-z0-9_.-]+)*$`)

// Require asks for a scope, or for one of several: "docs:read|admin". Where the key lacks them the error is a *Refusal, as
// of Verify. It panics where the text is no requirement: scopes joined by "|", without "*".
func (p *Principal) Require(requirement string) error {
	met := p.Scopes == nil
	for _, scope := range strings.Split(requirement, "|") {
		if len(scope) > 64 || !aScope.MatchString(scope) {
			panic(fmt.Sprintf("latchkey: not a requirement: %q", requirement))
		}
		for _, grant := range p.Scopes {
			below := strings.TrimSuffix(grant, "*")
			met = met || grant == scope || grant != below && strings.HasPrefix(scope, below)
		}
	}
	if met {
		return nil
	}
	return &Refusal{403, "Insufficient scope", http.Header{
		"Www-Authenticate":  {fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s"`, requirement)},
		"X-Api-Key-Refusal": {"scope"},
		"X-Error-Code":      {"insufficient_scope"},
	}}
}

// Refusal is what to answer in place of the service. Every error of Verify is a *Refusal.
type Refusal struct {
	Status  int
	Message string
	Header  http.Header
}

func (r *Refusal) Error() string { return r.Message }

// RateLimited is why a call is refused where a limit of the key, or of its owner, is used up: errors.As finds it in an error of
// Verify. Nothing was charged.
type RateLimited struct {
	RetryAfter time.Duration // until there is room again
}

func (RateLimited) Error() string { return "latchkey: a limit is used up" }

// NoCredits is why a call is refused where too few credits of the key, or of its owner, are left: errors.As finds it in an error
// of Verify. Nothing was charged.
type NoCredits struct{}

func (NoCredits) Error() string { return "latchkey: too few credits are left" }

// Unwrap is a RateLimited or a NoCredits where a budget has no room, and otherwise nil.
func (r *Refusal) Unwrap() error {
	switch r.Header.Get("X-Api-Key-Refusal") {
	case "rate":
		seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			seconds = 1
		}
		return RateLimited{time.Duration(seconds) * time.Second}
	case "credits":
		return NoCredits{}
	}
	return nil
}

// ServeHTTP answers a request with the refusal; the body is {"error": …}.
func (r *Refusal) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	// The client may be gone, which is nobody's fault.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": r.Message})
}

func refused(status int, code, message, name, value string) *Refusal {
	return &Refusal{status, message, http.Header{"X-Error-Code": {code}, name: {value}}}
}

// Latchkey is the one at an address. Any number of goroutines may use it.
type Latchkey struct {
	// Timeout is for the whole answer. After it a key counts as not verified. 2 seconds unless set before the first use.
	Timeout time.Duration
	// Log is told why a request was refused with 503. The standard logger unless set before the first use.
	Log func(cause string)

	peer
}

// New is the Latchkey at address, such as http://127.0.0.1:8080; it may have a path. unix:/run/latchkey/latchkey.sock is one on
// the same machine, by its Unix socket. Keys travel to it as they are: over
// a network that is not your own use https.
func New(address string) (*Latchkey, error) {
	peer, err := newPeer(address)
	if err != nil {
		return nil, err
	}
	report := func(cause string) { log.Printf("refused a request with 503: Latchkey: %s", cause) }
	return &Latchkey{Timeout: 2 * time.Second, Log: report, peer: peer}, nil
}

// Option is something that a call asks of its key.
type Option func(*question)

type question struct {
	key     string
	query   url.Values
	address string
}

// Scope is a requirement that the key must meet; it may name alternatives, as in "docs:read|docs:write". Of several
// options all must be met.
func Scope(requirement string) Option {
	return func(q *question) { q.query.Add("scope", requirement) }
}

// Cost is what the call takes from the budgets of the key and its owner: 0 to 1,000,000, and 1 without this option. 0 asks
// whether there is any room. It panics where the number is another.
func Cost(cost int) Option {
	if cost < 0 || cost > 1_000_000 {
		panic(fmt.Sprintf("latchkey: not a cost, which is 0 to 1000000: %d", cost))
	}
	return func(q *question) { q.query.Set("cost", strconv.Itoa(cost)) }
}

// From is the client's address as your service knows it, for keys with allowed networks. An X-Forwarded-For of the
// request goes before it. Without it such keys are refused.
func From(address string) Option {
	return func(q *question) { q.address = address }
}

// Verify says whose the key of a request is, if it is good and allows what is asked of it. The error is a *Refusal; where a budget
// has no room it wraps a RateLimited or a NoCredits.
func (l *Latchkey) Verify(ctx context.Context, header http.Header, options ...Option) (*Principal, error) {
	q := question{key: presented(header), query: url.Values{}, address: "unknown"}
	for _, option := range options {
		option(&q)
	}
	if q.key == "" {
		return nil, refused(401, "key_required", "API key required", "Www-Authenticate", challenge)
	}
	if !sendable(q.key) {
		return nil, refused(401, "invalid_key", "Invalid API key", "Www-Authenticate", challenge)
	}
	principal, refusal, err := l.ask(ctx, &q, header.Values("X-Forwarded-For"))
	switch {
	case err != nil:
		// Nobody waits for the answer to a request that was cancelled.
		if ctx.Err() == nil {
			l.Log(cause(err))
		}
		return nil, refused(503, "unavailable", "Temporarily unavailable; try again shortly", "Retry-After", "1")
	case refusal != nil:
		return nil, refusal
	}
	return principal, nil
}

// presented is the key of a request, empty where there is none. "-" stands for a text that can't be told.
func presented(header http.Header) string {
	only := func(name string) string {
		values := header.Values(name)
		if len(values) > 1 {
			return "-"
		}
		return strings.Trim(strings.Join(values, ""), " \t")
	}
	if key := only("X-Api-Key"); key != "" {
		return key
	}
	authorization := only("Authorization")
	end := strings.IndexAny(authorization, " \t")
	switch {
	case end < 0 && authorization != "" && !strings.EqualFold(authorization, "bearer"):
		return "-"
	case end < 0 || !strings.EqualFold(authorization[:end], "bearer"):
		return ""
	}
	return strings.TrimLeft(authorization[end:], " \t")
}

// sendable is false for what can't be one key: servers join repeated headers by a comma.
func sendable(key string) bool {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }
	return len(key) > 1 && len(key) <= 256 && strings.IndexFunc(key, odd) < 0
}

func (l *Latchkey) ask(ctx context.Context, q *question, hops []string) (*Principal, *Refusal, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	target := "/api/v1/verify"
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base+target, nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("X-Api-Key", q.key)
	// As a proxy does. What is no address is refused where a key has networks, which is right for one not known.
	hops = append(hops[:len(hops):len(hops)], q.address)
	request.Header.Set("X-Forwarded-For", strings.Join(hops, ", "))
	response, body, err := l.answer(request, longestAnswer)
	if err != nil {
		return nil, nil, err
	}
	return read(response, body, q)
}

// doubt is an answer that is not what Latchkey says of the key. It repeats nothing that was received.
type doubt string

func (d doubt) Error() string { return string(d) }

func read(response *http.Response, body []byte, q *question) (*Principal, *Refusal, error) {
	status, header := response.StatusCode, response.Header
	// A proxy in between has 401, 403 and 429 of its own, which say nothing about the key.
	challenged := strings.HasPrefix(header.Get("Www-Authenticate"), "ApiKey ")
	limited := header.Get("X-Api-Key-Refusal") != ""
	isRefusal := status == 401 && challenged || (status == 403 || status == 429) && limited
	unreadable := doubt(fmt.Sprintf("answered %d with a body that is not one of Latchkey's", status))
	switch {
	case isRefusal:
		var told struct{ Error string }
		if json.Unmarshal(body, &told) != nil || told.Error == "" {
			return nil, nil, unreadable
		}
		refusal := &Refusal{status, told.Error, only(header, passedOn)}
		return nil, refusal, repeats(fmt.Sprint(*refusal), q.key)
	case status != 200:
		return nil, nil, doubt(fmt.Sprintf("answered %d, which is not what Latchkey says of a key", status))
	}
	var told struct {
		Principal
		ExpiresAt, Scopes json.RawMessage
	}
	p := &told.Principal
	if json.Unmarshal(body, &told) != nil {
		return nil, nil, unreadable
	}
	for _, text := range []string{p.KeyID, p.OwnerID, p.Name, p.KeyPrefix, p.Environment} {
		if text == "" {
			return nil, nil, unreadable
		}
	}
	// An answer that was cached or mixed up on its way must not lend its owner to another key.
	if !strings.HasPrefix(q.key, p.KeyPrefix) {
		return nil, nil, doubt("the answer is about another key")
	}
	// A Latchkey that knows no scopes has not judged them.
	if told.Scopes == nil && !q.query.Has("scope") {
		told.Scopes = json.RawMessage("null")
	}
	if json.Unmarshal(told.ExpiresAt, &p.ExpiresAt) != nil || json.Unmarshal(told.Scopes, &p.Scopes) != nil {
		return nil, nil, unreadable
	}
	if p.Metadata == nil {
		p.Metadata = map[string]any{}
	}
	p.Limits = only(header, limits)
	return p, nil, repeats(fmt.Sprint(*p), q.key)
}

func only(header http.Header, names []string) http.Header {
	kept := http.Header{}
	for _, name := range names {
		if values := header.Values(name); len(values) > 0 {
			kept[name] = values
		}
	}
	return kept
}

func repeats(text, key string) error {
	if strings.Contains(text, key) {
		return doubt("the answer repeats the key")
	}
	return nil
}

// peer is a server at an address, asked on connections that are kept.
type peer struct {
	base string
	http *http.Client
}

func newPeer(address string) (peer, error) {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64,
		// Shorter than Latchkey and most proxies keep theirs, so that they rarely close one in use.
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: longestAnswer,
		DisableCompression:     true,
	}
	if file := strings.TrimPrefix(address, "unix:"); file != address && strings.HasPrefix(file, "/") {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", file)
		}
		address = "http://localhost"
	}
	at, err := url.Parse(address)
	plain := err == nil && (at.Scheme == "http" || at.Scheme == "https") && at.Hostname() != "" && at.User == nil
	if !plain || strings.ContainsAny(address, "?#") {
		// The parser's own words would repeat a password.
		return peer{}, errors.New("latchkey: the address must be like http://host:port, without user, query or fragment, or like unix:/absolute/path")
	}
	return peer{strings.TrimRight(address, "/"), &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (p peer) answer(request *http.Request, longest int64) (*http.Response, []byte, error) {
	response, err := p.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, longest+1))
	if err == nil && int64(len(body)) > longest {
		err = doubt("the answer is too long")
	}
	return response, body, err
}

// cause is what may be told of an error: the text of others may repeat what was received.
func cause(err error) string {
	var (
		told      doubt
		network   *net.OpError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &told):
		return told.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &network):
		return network.Error()
	case errors.As(err, &authority):
		return authority.Error()
	case errors.As(err, &hostname):
		return hostname.Error()
	case errors.As(err, &invalid):
		return invalid.Error()
	}
	return "no whole answer in HTTP"
}
