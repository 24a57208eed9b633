"""Other people's mail programs looking at a message: Mailpit's HTML check and Roundcube's sanitiser, where they are."""

from __future__ import annotations

import json
import smtplib
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

WASH = r"""<?php
$lib = $argv[1];
spl_autoload_register(function ($class) use ($lib) {
    foreach (["$lib/Roundcube/$class.php", "/usr/share/php/" . strtr($class, "\\", "/") . ".php", $class] as $file) {
        if (is_file($file)) { require_once $file; }
    }
});
require_once "$lib/Roundcube/bootstrap.php";
$page = file_get_contents($argv[2]);
preg_match_all('/ src="(cid:[^"]*)"/', $page, $embedded);
$washer = new rcube_washtml(["show_washed" => true, "allow_remote" => true, "charset" => "UTF-8",
    "html_elements" => ["body"], "cid_map" => array_fill_keys($embedded[1], "./part"), "html_attribs" => []]);
$styles = "";
$washer->add_callback("style", function ($tag, $attributes, $content) use (&$styles) {
    $styles .= rcube_utils::mod_css_styles($content, "rc", true);
    return "";
});
preg_match_all('/x-washed="([^"]*)"/', $washer->wash($page), $found);
$names = preg_split('/\s+/', trim(implode(" ", $found[1])), -1, PREG_SPLIT_NO_EMPTY);
echo "\n", json_encode(["kinds" => array_values(array_unique($names)), "count" => count($names),
    "dark" => str_contains($styles, "prefers-color-scheme")]);
"""


def mailpit(program: str, mail: bytes, seconds: float = 20) -> float:
    """The share, in per cent, of what the page uses that clients support, by Mailpit's HTML check of `mail`."""
    web, smtp = _free_port(), _free_port()
    command = [program, "--listen", f"127.0.0.1:{web}", "--smtp", f"127.0.0.1:{smtp}", "--quiet"]
    server = subprocess.Popen(
        [*command, "--disable-version-check"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", smtp, timeout=5) as session:
                    session.sendmail("news@example.org", ["reader@example.com"], mail)
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{web}/api/v1/message/latest/html-check", timeout=10
                ) as page:
                    return float(json.load(page)["Total"]["Supported"])
            except (OSError, urllib.error.URLError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
    finally:
        server.terminate()
        server.wait(10)


def roundcube(php: str, library: Path, page: Path) -> tuple[int, int, bool]:
    """What Roundcube's sanitiser takes from a page: kinds of attributes, how many in all; whether the dark block stays.

    `library` is Roundcube's folder program/lib.
    """
    script = page.with_suffix(".php")
    script.write_text(WASH, encoding="utf-8")
    done = subprocess.run([*php.split(), script, library, page], capture_output=True, text=True, timeout=60, check=True)
    washed = json.loads(done.stdout.rsplit("\n", 1)[1])
    return len(washed["kinds"]), washed["count"], washed["dark"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
