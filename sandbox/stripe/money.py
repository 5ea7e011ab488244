"""Stripe's amounts: integers in the currency's smallest unit, with its own idea of what that is."""

from decimal import Decimal

from sandbox.stripe.errors import invalid
from sandbox.stripe.params import Params

_MAX_DIGITS = 8
_LONG = {"idr": 12}
_ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Currencies without decimals that the API nevertheless counts in hundredths.
_WHOLE_HUNDREDS = frozenset(["isk", "ugx"])
_TWO_DECIMAL = frozenset([
    "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt",
    "bgn", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny",
    "cop", "crc", "cve", "czk", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp",
    "gel", "gip", "gmd", "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "jmd",
    "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mkd",
    "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok",
    "npr", "nzd", "pab", "pen", "pgk", "php", "pkr", "pln", "qar", "ron", "rsd", "rub", "sar",
    "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl", "thb", "tjs", "top",
    "try", "ttd", "twd", "tzs", "uah", "usd", "uyu", "uzs", "wst", "xcd", "yer", "zar", "zmw",
])  # fmt: skip
CURRENCIES = _TWO_DECIMAL | _ZERO_DECIMAL | _THREE_DECIMAL | _WHOLE_HUNDREDS
# Minimum charge amounts, in minor units, where Stripe publishes one.
_MINIMUM = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200,
    "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip


def read_currency(params: Params) -> str:
    """A supported three-letter currency, in lower case."""
    currency = params.required("currency").lower()
    if currency not in CURRENCIES:
        supported = ", ".join(sorted(CURRENCIES))
        message = f"Invalid currency: {currency}. Stripe currently supports these currencies: {supported}"
        raise invalid(message, params.name("currency"))
    return currency


def check_amount(amount: int, currency: str, param: str) -> int:
    """Refuse what Stripe would not charge."""
    maximum = 10 ** _LONG.get(currency, _MAX_DIGITS) - 1
    if amount > maximum:
        message = f"Amount must be no more than {shown(maximum, currency)}"
        raise invalid(message, param, "amount_too_large")
    minimum = _MINIMUM.get(currency, 1)
    if amount < minimum:
        message = f"Amount must be at least {shown(minimum, currency)}"
        raise invalid(message, param, "amount_too_small")
    check_step(amount, currency, param)
    return amount


def check_step(amount: int, currency: str, param: str) -> None:
    """Three-decimal currencies end in 0; ISK and UGX are sent in whole hundreds."""
    step = 10 if currency in _THREE_DECIMAL else 100 if currency in _WHOLE_HUNDREDS else 1
    if amount % step:
        message = f"Invalid amount: amounts in {currency} must be a multiple of {step}."
        raise invalid(message, param, "parameter_invalid_integer")


def shown(amount: int, currency: str) -> str:
    """An amount for people."""
    exponent = 0 if currency in _ZERO_DECIMAL else 3 if currency in _THREE_DECIMAL else 2
    return f"{Decimal(amount).scaleb(-exponent):,.{exponent}f} {currency.upper()}"
