package latchkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Manage makes management calls: a backend manages keys for its own users, by a management token. Any number of
// goroutines may use it.
type Manage struct {
	// Timeout is for a whole call. 10 seconds unless set before the first use.
	Timeout time.Duration

	token string
	peer
}

// Members of a body, and Filters of a list, have the API's own names: "createdBy", "expiresAt" and so on.
type (
	Members map[string]any
	Filters map[string]string
)

// Limit is how much may be used in each window of the calendar, in UTC: Every is "second", "minute", "hour", "day" or
// "month".
type Limit struct {
	Limit int
	Every string
}

// Key is a key as lists show it. Key is its text, which only CreateKey and RotateKey tell.
type Key struct {
	ID, Key, Name, KeyPrefix, Environment, OwnerID, CreatedBy, Replaces, ReplacedBy string

	Enabled                                     bool
	CreatedAt, LastUsedAt, ExpiresAt, RevokedAt *time.Time
	Metadata                                    map[string]any
	Scopes, AllowedNetworks                     []string
	Limits                                      []Limit
	Credits                                     *int64  // nil: not counted
	Usage                                       []int64 // accepted calls of the last 30 days, today last, with "include": "usage"
}

// Usage is how much a key or an owner used: the hours or days in UTC, as By says, that have something, ascending.
type Usage struct {
	By    string
	Items []struct {
		Start          time.Time
		Accepted, Cost int64
		Refused        map[string]int64 // by reason
	}
}

// KeyRefusal is a call with a key that was refused. Required are the scopes that the call required, if any.
type KeyRefusal struct {
	At                                   time.Time
	Reason, Address, RequestID, Required string
}

type page struct {
	Items []Key
	Next  *string
}

// Owner is what holds for all keys of an owner. MaxKeys nil: the setting of the installation.
type Owner struct {
	Owner     string
	MaxKeys   *int
	Suspended bool
	Keys      int
	Limits    []Limit // of all keys together
	Credits   *int64  // nil: not counted
}

// Event is one of the audit trail.
type Event struct {
	ID, Action, Actor, OwnerID, KeyID, Address, UserAgent, RequestID, KeyName, KeyPrefix string

	At     time.Time
	KeyIDs []string
	// Of each member that changed, a list of what was before and after; "stranded" is a number alone.
	Changes map[string]any
}

// ManageError is a call that Latchkey refused; Code is its X-Error-Code. Status is 0 where nobody answered: a change may
// have been made or not.
type ManageError struct {
	Status        int
	Code, Message string
}

func (e *ManageError) Error() string {
	return fmt.Sprintf("latchkey: %d %s: %s", e.Status, e.Code, e.Message)
}

var managementToken = regexp.MustCompile(`^lk_admin_[0-9A-Za-z]{38}$`)

// NewManage is for the Latchkey at address, by the token.
func NewManage(address, token string) (*Manage, error) {
	if !managementToken.MatchString(token) {
		return nil, errors.New("latchkey: this is no management token")
	}
	peer, err := newPeer(address)
	if err != nil {
		return nil, err
	}
	return &Manage{Timeout: 10 * time.Second, token: token, peer: peer}, nil
}

// ListKeys are the owner's, newest first. With "status": "revoked", those revoked lately; with
// "include": "usage", and the right usage:read too, how much each is used.
func (m *Manage) ListKeys(ctx context.Context, owner string, filters Filters) ([]Key, error) {
	return call[[]Key](ctx, m, "GET", below(owner, "api-keys"), filters, nil)
}

// CreateKey needs the member "name".
func (m *Manage) CreateKey(ctx context.Context, owner string, members Members) (Key, error) {
	return call[Key](ctx, m, "POST", below(owner, "api-keys"), nil, members)
}

// GetKey is one key of the owner.
func (m *Manage) GetKey(ctx context.Context, owner, id string) (Key, error) {
	return call[Key](ctx, m, "GET", below(owner, "api-keys", id), nil, nil)
}

// ChangeKey is strict: when it returns, every instance behaves accordingly. So are RotateKey, RevokeKey and RevokeKeys.
func (m *Manage) ChangeKey(ctx context.Context, owner, id string, members Members) (Key, error) {
	return call[Key](ctx, m, "PATCH", below(owner, "api-keys", id), nil, members)
}

// RotateKey replaces a key. With "overlapSeconds": 0 the old one ends immediately.
func (m *Manage) RotateKey(ctx context.Context, owner, id string, members Members) (Key, error) {
	return call[Key](ctx, m, "POST", below(owner, "api-keys", id, "rotate"), nil, members)
}

// AddCredits adds credits to those of a key, or takes them where the number is negative. With nil they are not counted
// any more.
func (m *Manage) AddCredits(ctx context.Context, owner, id string, add *int64) (Key, error) {
	return call[Key](ctx, m, "POST", below(owner, "api-keys", id, "credits"), nil, Members{"add": add})
}

// KeyUsage is that of a key, revoked or not, with the right usage:read. Filters are "by" ("hour" or "day"), "from" and "to"; by
// default the last 30 days by the day.
func (m *Manage) KeyUsage(ctx context.Context, owner, id string, filters Filters) (Usage, error) {
	return call[Usage](ctx, m, "GET", below(owner, "api-keys", id, "usage"), filters, nil)
}

// KeyRefusals are the last 20 refused calls with a key, newest first, with the right usage:read.
func (m *Manage) KeyRefusals(ctx context.Context, owner, id string) ([]KeyRefusal, error) {
	return call[[]KeyRefusal](ctx, m, "GET", below(owner, "api-keys", id, "refusals"), nil, nil)
}

// OwnerUsage is KeyUsage of all keys of an owner together.
func (m *Manage) OwnerUsage(ctx context.Context, owner string, filters Filters) (Usage, error) {
	return call[Usage](ctx, m, "GET", below(owner, "usage"), filters, nil)
}

// RevokeKey ends a key permanently.
func (m *Manage) RevokeKey(ctx context.Context, owner, id string) error {
	_, err := call[struct{}](ctx, m, "DELETE", below(owner, "api-keys", id), nil, nil)
	return err
}

// RevokeKeys ends all keys of an owner, all that somebody made, or, where both are given, all that somebody made for an
// owner. It returns the ids of those that were revoked.
func (m *Manage) RevokeKeys(ctx context.Context, owner, createdBy string) ([]string, error) {
	of := Members{}
	for name, value := range map[string]string{"owner": owner, "createdBy": createdBy} {
		if value != "" {
			of[name] = value
		}
	}
	told, err := call[struct{ Revoked []string }](ctx, m, "POST", "api-keys/revoke", nil, of)
	return told.Revoked, err
}

// Keys calls each with the keys over all owners, newest first, page by page, until it returns an error, which is
// returned. "limit" is the size of a page.
func (m *Manage) Keys(ctx context.Context, filters Filters, each func(Key) error) error {
	for after := ""; ; {
		page, err := call[page](ctx, m, "GET", "api-keys", filters.and("after", after), nil)
		if err != nil {
			return err
		}
		for _, key := range page.Items {
			if err := each(key); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		after = *page.Next
	}
}

// GetOwner is about an owner, who need not be known.
func (m *Manage) GetOwner(ctx context.Context, owner string) (Owner, error) {
	return call[Owner](ctx, m, "GET", below(owner), nil, nil)
}

// AddOwnerCredits is AddCredits for those that all keys of an owner share.
func (m *Manage) AddOwnerCredits(ctx context.Context, owner string, add *int64) (Owner, error) {
	return call[Owner](ctx, m, "POST", below(owner, "credits"), nil, Members{"add": add})
}

// SetOwner needs the members "maxKeys" and "suspended".
func (m *Manage) SetOwner(ctx context.Context, owner string, members Members) (Owner, error) {
	return call[Owner](ctx, m, "PUT", below(owner), nil, members)
}

// CataloguedScope is a scope that keys may be given.
type CataloguedScope struct {
	Name, Description string

	Group      *string // nil: none
	Default    bool    // a key has it that is created without scopes
	Restricted bool    // management tokens and operators alone give it
}

// Scopes are the catalogue; empty where every scope may be given.
func (m *Manage) Scopes(ctx context.Context) ([]CataloguedScope, error) {
	return call[[]CataloguedScope](ctx, m, "GET", "scopes", nil, nil)
}

// AuditEvents are a page of events over all owners, newest first. The next page has "before", the id of the last one.
func (m *Manage) AuditEvents(ctx context.Context, filters Filters) ([]Event, error) {
	return call[[]Event](ctx, m, "GET", "audit-events", filters, nil)
}

func call[T any](ctx context.Context, m *Manage, method, path string, filters Filters, members Members) (told T, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	query := url.Values{}
	for name, value := range filters {
		query.Set(name, value)
	}
	target := m.base + "/api/v1/admin/" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body []byte
	if members != nil {
		if body, err = json.Marshal(members); err != nil {
			return told, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return told, err
	}
	request.Header.Set("Authorization", "Bearer "+m.token)
	if members != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, text, err := m.answer(request, 16<<20)
	if err != nil {
		return told, &ManageError{0, "unreachable", cause(err)}
	}
	unknown := &ManageError{response.StatusCode, "unknown", "this is not what Latchkey answers"}
	if response.StatusCode/100 == 2 {
		if json.Unmarshal(text, &told) != nil {
			return told, unknown
		}
		return told, nil
	}
	var refusal struct{ Error string }
	code := response.Header.Get("X-Error-Code")
	if json.Unmarshal(text, &refusal) != nil || code == "" {
		return told, unknown
	}
	return told, &ManageError{response.StatusCode, code, strings.ReplaceAll(refusal.Error, m.token, "…")}
}

// below is a path below an owner. Dots are encoded too, so that none is taken for a folder.
func below(parts ...string) string {
	path := "owners"
	for _, part := range parts {
		path += "/" + strings.ReplaceAll(url.PathEscape(part), ".", "%2E")
	}
	return path
}

func (f Filters) and(name, value string) Filters {
	if value == "" {
		return f
	}
	all := Filters{name: value}
	for name, value := range f {
		if _, given := all[name]; !given {
			all[name] = value
		}
	}
	return all
}
