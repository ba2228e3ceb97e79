# SPDX-License-Identifier: MIT
"""standin_openapi: judges the parameters of a request by a service's own OpenAPI document. It is stricter than the document in one thing:
a parameter that the document does not name is a fault, even where the document leaves additionalProperties open."""
import datetime
import json
import re
import urllib.parse

FORM = "application/x-www-form-urlencoded"


class Fault:
    """what: 'unknown', 'missing', 'repeated' or 'invalid'; why is a sentence."""

    def __init__(self, name, what, why):
        self.name, self.what, self.why = name, what, why

    def __repr__(self):
        return f"<{self.name}: {self.what}, {self.why}>"


def is_url(text, longest=4000):
    """An absolute http or https URL with a host that DNS allows, without blanks, fragments or an impossible port."""
    try:
        parts = urllib.parse.urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    names = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?", host)
    return (parts.scheme in ("http", "https") and (bool(names) or ":" in host) and len(text) <= longest and not parts.fragment
            and re.fullmatch(r"[!-~]+", text) is not None)


def is_time(text):
    try:
        datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


TYPES = {
    "integer": lambda v: re.fullmatch(r"[+-]?\d{1,18}", v),
    "number": lambda v: re.fullmatch(r"[+-]?\d{1,18}(\.\d+)?", v),
    "boolean": lambda v: v.lower() in ("true", "false"),
    "string": lambda v: True,
}
FORMATS = {"uri": is_url, "date-time": is_time, "http-method": lambda v: v in ("GET", "POST")}


class Judge:
    """paths are templates of the document, '/a/{Id}.json'."""

    def __init__(self, document):
        self.document = document

    @classmethod
    def of(cls, path):
        with open(path) as f:
            return cls(json.load(f))

    def resolve(self, schema):
        while "$ref" in schema:
            found = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def operation(self, path, method):
        return self.document["paths"].get(path, {}).get(method.lower())

    def form(self, path, method, pairs):
        """The faults of a form's (name, value) pairs, the unknown names first. An empty value counts as absent."""
        schema = self.resolve(self.operation(path, method)["requestBody"]["content"][FORM]["schema"])
        return self.faults(schema["properties"], schema.get("required", ()), pairs)

    def query(self, path, method, pairs):
        named = {p["name"]: p["schema"] for p in self.operation(path, method).get("parameters", ()) if p["in"] == "query"}
        return self.faults(named, (), pairs)

    def in_path(self, path, method, name, value):
        """Is it a value that the document allows for this part of the path?"""
        schema = next((p["schema"] for p in self.operation(path, method).get("parameters", ()) if p["in"] == "path" and p["name"] == name), {})
        return self.why_not(schema, value) is None

    def faults(self, properties, required, pairs):
        names = [k for k, _ in pairs]
        found = [Fault(n, "unknown", f"{n} is no parameter of this resource") for n in dict.fromkeys(names) if n not in properties]
        found += [Fault(n, "missing", f"{n} is required") for n in required if not any(k == n and v for k, v in pairs)]
        for name in dict.fromkeys(n for n in names if n in properties):
            schema = self.resolve(properties[name])
            many = schema.get("type") == "array"
            if not many and names.count(name) > 1:
                found.append(Fault(name, "repeated", f"{name} may be given once"))
            for _, value in (p for p in pairs if p[0] == name and p[1]):
                why = self.why_not(self.resolve(schema["items"]) if many else schema, value)
                if why:
                    found.append(Fault(name, "invalid", f"{name} {why}"))
        return found

    def why_not(self, schema, value):
        """What is wrong with a value, None where nothing is."""
        if "enum" in schema and value not in schema["enum"]:
            return f"is none of {', '.join(schema['enum'])}"
        if not TYPES.get(schema.get("type", "string"), TYPES["string"])(value):
            return f"is no {schema['type']}"
        if schema.get("type") == "integer" and not schema.get("minimum", -10**18) <= int(value) <= schema.get("maximum", 10**18):
            return "is out of range"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9):
            return f"is not {schema.get('minLength', 0)} to {schema.get('maxLength', 'any')} characters long"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"does not match {schema['pattern']}"
        check = FORMATS.get(schema.get("format"))
        if check and not check(value):
            return f"is no {schema['format']}"
        return None

    # -- answers --

    def answer(self, path, method, status, value):
        """What an answer has otherwise than the document says: words, none where it is right."""
        content = self.operation(path, method)["responses"][str(status)]["content"]["application/json"]
        return self.shape(self.resolve(content["schema"]), value, "answer")

    def shape(self, schema, value, where):
        schema = self.resolve(schema)
        if value is None:
            return [] if schema.get("nullable") else [f"{where} is null"]
        if schema.get("type") == "object" and "properties" in schema:
            found = [f"{where}.{n} is missing" for n in schema["properties"] if n not in value]
            found += [f"{where}.{n} is not documented" for n in value if n not in schema["properties"]]
            return found + [w for n, s in schema["properties"].items() if n in value for w in self.shape(s, value[n], f"{where}.{n}")]
        if schema.get("type") == "array":
            return [w for i, v in enumerate(value) for w in self.shape(schema["items"], v, f"{where}[{i}]")]
        kinds = {"string": str, "integer": int, "object": dict, "boolean": bool}
        if not isinstance(value, kinds.get(schema.get("type"), object)):
            return [f"{where} is {value!r}, no {schema['type']}"]
        if isinstance(value, str):
            # The document's own examples write paths where it says uri.
            why = self.why_not({k: v for k, v in schema.items() if k != "format"}, value)
            return [f"{where} {why}"] if why else []
        return []
