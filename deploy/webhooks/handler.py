"""A handler: answers what customers write. WEBHOOK_SECRET=whsec_… python3 handler.py 9000"""
import base64, hashlib, hmac, http.server, json, os, sys, threading, time

KEY = base64.b64decode(os.environ.get("WEBHOOK_SECRET", "").removeprefix("whsec_"))
if len(KEY) < 24 or len(sys.argv) != 2:
    sys.exit("a secret or the port is missing: WEBHOOK_SECRET=whsec_… python3 handler.py 9000")
SEEN, LOCK = {}, threading.Lock()  # what was answered: an event comes again if the answer was lost (bound it)


def is_ours(headers, body):
    event, sent = headers["webhook-id"], headers["webhook-timestamp"]
    if not event or not sent or not sent.isdecimal() or abs(time.time() - int(sent)) > 300:
        return False
    code = hmac.new(KEY, f"{event}.{sent}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(code).decode()
    given = (headers["webhook-signature"] or "").split()
    return any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given)


def answer(event):
    text = (event["data"].get("message") or {}).get("text") or ""
    if "human" in text.lower():
        return {"actions": [{"reply": "One moment, a colleague will write to you."}, {"hand_off": True}]}
    return {"actions": [{"reply": {"text": f"You wrote: {text}"}}, {"stop": True}] if text else []}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        status, event = (200, self.headers["webhook-id"]) if is_ours(self.headers, body) else (401, None)
        with LOCK:
            if event and event not in SEEN:
                SEEN[event] = answer(json.loads(body))
            reply = SEEN.get(event, {})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
