"""The page on which a developer chooses who to be."""

from collections.abc import Iterable
from html import escape

from carnet_dev.people import Account

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Carnet, development login</title>
<style>
body {{ font: 1.05rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 10vh auto; padding: 0 1rem; color: #1b2733 }}
h1 {{ font-size: 1.4rem }}
p {{ color: #53616f }}
button {{ display: block; width: 100%; margin: .5rem 0; padding: .7rem 1rem; font: inherit; text-align: left;
  border: 1px solid #c6d0da; border-radius: .5rem; background: #fff; cursor: pointer }}
label {{ display: block; margin-top: 2rem; color: #53616f }}
input {{ font: inherit; padding: .5rem .7rem; width: 100%; box-sizing: border-box; border: 1px solid #c6d0da; border-radius: .5rem }}
button:hover, button:focus-visible {{ border-color: #1560bd; outline: 2px solid #1560bd33 }}
</style>
</head>
<body>
<main>
<h1>Who are you today?</h1>
<p>Development login: these people are invented, and there is no password.</p>
<form method="post">
{buttons}
</form>
<form method="post">
<label>Another patient, by test INS <input name="ins" inputmode="numeric" minlength="15" maxlength="15" required></label>
<button>Log in</button>
</form>
</main>
</body>
</html>
"""


def login_page(people: Iterable[Account]) -> str:
    """HTML with one button a person, which posts `user` back to the address it came from, and a field that posts a test `ins`."""
    buttons = "\n".join(f'<button name="user" value="{escape(one.user)}">{escape(one.label)}</button>' for one in people)
    return _PAGE.format(buttons=buttons)
