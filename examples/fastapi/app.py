"""A product with users of its own: they sign in here, make API keys on its page, and call its API with them."""

import hmac
import os
import time
from typing import Annotated

import jwt
from fastapi import Body, Depends, FastAPI, Form, Header, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from latchkey_client import AsyncLatchkey, Verified
from latchkey_client.fastapi import install, require_key
from latchkey_client.manage import Manage
from starlette.middleware.sessions import SessionMiddleware

URL = os.environ.get("KEYS_URL", "http://127.0.0.1:8080")
SECRET, BILLING = os.environ["LATCHKEY_JWT_SECRET"], f"Bearer {os.environ['BILLING_SECRET']}"
PASSWORDS = {"ada": "correct horse battery"}
manage, key = Manage(URL, os.environ["MANAGEMENT_TOKEN"]), require_key(AsyncLatchkey(URL))
app = FastAPI()
install(app)
app.add_middleware(SessionMiddleware, secret_key=os.environ["SESSION_SECRET"], session_cookie="my_session")

@app.get("/sign-in")  # its own sign-in
def form() -> HTMLResponse:
    return HTMLResponse("""<!doctype html><title>Sign in</title><form method="post"><input name="user" placeholder="User">
      <input name="password" type="password" placeholder="Password"> <button>Sign in</button></form>""")

@app.post("/sign-in")
def sign_in(request: Request, user: Annotated[str, Form()], password: Annotated[str, Form()]) -> Response:
    if user not in PASSWORDS or not hmac.compare_digest(PASSWORDS[user].encode(), password.encode()):
        raise HTTPException(401, "Wrong user or password")
    request.session["user"] = user
    return RedirectResponse("/keys", 303)

@app.get("/keys")  # the page of API keys: Latchkey's panel, which gets a token that says who is signed in
def keys(request: Request) -> Response:
    if "user" not in request.session:
        return RedirectResponse("/sign-in", 303)
    return HTMLResponse(f"""<!doctype html><title>API keys</title><h1>API keys</h1>
      <api-keys-panel api-base="{URL}" token-url="/my/token"></api-keys-panel>
      <script type="module" src="{URL}/embed/api-keys-panel.js"></script>""")

@app.post("/my/token")
def token(request: Request) -> dict[str, str]:
    if "user" not in request.session:
        raise HTTPException(401, "Sign in first")
    claims = {"iss": "my-product", "aud": "latchkey", "sub": request.session["user"], "exp": int(time.time()) + 600}
    return {"token": jwt.encode(claims, SECRET, "HS256")}

@app.get("/api/hello")  # its API, for callers with a key
async def hello(caller: Annotated[Verified, Depends(key)]) -> dict[str, str]:
    return {"hello": caller.owner_id}

@app.post("/billing")  # a webhook: the keys of a user who has not paid are refused until the bill is paid
def billing(user: Annotated[str, Body()], paid: Annotated[bool, Body()], authorization: Annotated[str, Header()] = "") -> dict:
    if not hmac.compare_digest(authorization.encode(), BILLING.encode()):
        raise HTTPException(401, "Not for you")
    return manage.set_owner(user, maxKeys=None, suspended=not paid)
