"""Which kind of failure the words of a log line or an event name: the vocabulary of runtimes, drivers and kernels."""

from bot.domain.evidence import CauseClass

# In order of precision: the first that matches names the kind.
DNS = (
    r"enotfound|nxdomain|no such host|(?:could not|cannot|unable to|failed to) resolve|temporary failure in name "
    r"resolution|name or service not known|getaddrinfo|unknownhostexception|dns (?:lookup|resolution|error|failure)|servfail"
)
CERTIFICATE = r"x509|certificate (?:has |is )?(?:expired|not yet valid|unknown|signed by)|tls handshake|ssl(?:error|handshake)|cert(?:ificate)? verify"
DENIED = r"access ?denied|unauthori[sz]ed|forbidden|permission denied|not authorized|invalid (?:credentials|token|api key|password)|authentication failed|password authentication|assumerole|\b40[13]\b"
CONFIG = (
    r"configuration error|config(?:uration)? .{0,40}(?:missing|invalid|not found|error|required)|(?:env(?:ironment)?"
    r"(?:ironment)? var\w*|variable|property|setting|flag|secret|configmap) .{0,60}(?:not set|missing|required|undefined|not found|unset|invalid)"
    r"|(?:missing|required|invalid|unknown|unrecognized) .{0,30}(?:env|config|variable|setting|flag|option|property|argument)"
    r"|no such file or directory|exec format error|executable file not found|migration .{0,40}fail|failed to (?:load|parse|read) .{0,40}config|invalid port|address already in use|yaml:"
)
POOL = r"(?:connection )?pool .{0,30}(?:exhaust|timeout|full|limit)|too many (?:connections|clients|open files|requests)|throttl|rate ?limit|quota|\b429\b|resource temporarily unavailable|no space left|disk full"
MEMORY = r"out of memory|oomkill|outofmemoryerror|heap out of memory|memory cgroup|cannot allocate memory|java heap space"
DEPENDENCY = (
    r"econnrefused|connection (?:refused|reset|closed|timed out|timeout)|econnreset|etimedout|deadline exceeded|upstream"
    r"|downstream|dependency|unavailable|bad gateway|gateway time-?out|circuit ?breaker|broken pipe|no healthy|dial tcp|timed? ?out|unreachable|\b50[234]\b"
)
DATA = r"schema (?:mismatch|validation|error)|malformed|invalid (?:json|payload|record|data|format)|unexpected (?:null|field|token|schema)|deserializ|data ?corrupt|constraint violation|parse error"
CODE = (
    r"null ?pointer|nil pointer|segmentation fault|sigsegv|panic:|traceback|typeerror|keyerror|attributeerror|valueerror|indexerror"
    r"|unhandled|uncaught|assertion|stack ?overflow|illegalstate|index out of|division by zero|deadlock|class ?not ?found|undefined is not|exception"
)  # fmt: skip

# Name of the rule, pattern, class, what it is, what to look at.
KINDS: tuple[tuple[str, str, CauseClass, str, tuple[str, ...]], ...] = (
    ("dns", DNS, CauseClass.NETWORK, "names cannot be resolved: DNS is broken, the service was renamed, or a policy blocks it", ("the cluster's DNS pods and their policy", "whether the service's name still exists")),
    ("certificate", CERTIFICATE, CauseClass.CONFIGURATION, "a certificate is not accepted", ("expiry and issuer of the certificate",)),
    ("memory", MEMORY, CauseClass.MEMORY, "it runs out of memory", ("memory limit and use over time",)),
    ("configuration", CONFIG, CauseClass.CONFIGURATION, "its configuration is wrong or incomplete", ("what changed in its configuration", "roll back to the revision before")),
    ("denied", DENIED, CauseClass.CONFIGURATION, "it is not allowed in: credentials, role or policy", ("its credentials, role and policy",)),
    ("pool", POOL, CauseClass.CAPACITY, "a bounded resource is used up", ("the bound and who uses it up",)),
    ("data", DATA, CauseClass.UNKNOWN, "the data that it is given is not what it expects", ("who produces the data and what changed in it",)),
    ("dependency", DEPENDENCY, CauseClass.DEPENDENCY, "something that it calls does not answer", ("the dependency that its lines name",)),
    ("code", CODE, CauseClass.DEPLOY, "its own code fails", ("the newest release", "roll back to the revision before")),
)  # fmt: skip
