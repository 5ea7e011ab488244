-- Whose requests were accepted lately, by the header SUBJECT: "known" to the filters that follow, all others "stranger".
-- It decides nothing but who is asked for a key before its body is taken, and which bucket a request takes from.
local SUBJECT, SECONDS, SIZE = @subject@, @seconds@, @size@
local NAMESPACE = "fusionxpay.standing"
-- What the edge service refuses comes to none of the limits behind it. So it is counted here: of a key that may be
-- refused PER_SECOND times, of its merchant KEYS times as often, and of either ten times as much at once. What comes with
-- a key beyond that is "refused", and takes from a bucket of that key or merchant.
local ANSWER, MERCHANT, PER_SECOND, KEYS = "envoy.filters.http.ext_authz", @merchant@, @refusals@, 5
-- what is longer is kept of nobody: with spaces in it, one key would have as many forms as memory has room for
local LONGEST = 128
-- two generations, so that neither time nor number of entries has to be looked after one by one
local recent, before, count, turned = {}, {}, 0, os.time()
-- how much was refused of a key or merchant, less what time has forgiven; when that was right; and whose a key is
local debts, since, whose = {}, {}, {}

local function debt(who, now, keys)
  return math.max(0, (debts[who] or 0) - (now - (since[who] or now)) * PER_SECOND * keys)
end

local function charge(who, now, keys)
  -- no more than five seconds pay off
  debts[who], since[who] = math.min(debt(who, now, keys) + 1, 15 * PER_SECOND * keys), now
end

local function owes(who, keys)
  return debts[who] and debt(who, os.time(), keys) > 10 * PER_SECOND * keys
end

function envoy_on_request(handle)
  local subject = handle:headers():get(SUBJECT)
  if subject and #subject > LONGEST then
    subject = nil
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  local merchant = subject and whose[subject]
  if merchant and (owes(subject, 1) or owes(merchant, KEYS)) then
    metadata:set(NAMESPACE, "is", "refused")
    metadata:set(NAMESPACE, "who", owes(subject, 1) and subject or merchant)
  elseif subject and (recent[subject] or before[subject]) then
    metadata:set(NAMESPACE, "is", "known")
    metadata:set(NAMESPACE, "who", subject)
  else
    metadata:set(NAMESPACE, "is", "stranger")
  end
  if subject then
    metadata:set(NAMESPACE, "subject", subject)
  end
end

-- an answer in JSON says all by its HTTP status: what is left of gRPC in it goes
local GRPC = {"grpc-status", "grpc-message", "grpc-accept-encoding", "grpc-encoding"}

local function plain(headers)
  if string.find(headers:get("content-type") or "", "^application/grpc") == nil then
    for _, name in ipairs(GRPC) do
      headers:remove(name)
    end
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status, failure = headers:get(":status"), headers:get("grpc-status")
  plain(headers)
  local accepted = status == "200" and (failure == nil or failure == "0")
  local refused = status == "401" or failure == "16"
  local metadata = handle:streamInfo():dynamicMetadata()
  local answer = not accepted and metadata:get(ANSWER)
  local merchant = answer and answer[MERCHANT]
  if not accepted and not refused and not merchant then
    return
  end
  local said = metadata:get(NAMESPACE)
  local subject = said and said["subject"]
  if subject == nil then
    return
  end
  local now = os.time()
  if count >= SIZE or now - turned >= SECONDS then
    recent, before, count, turned = {}, recent, 0, now
    debts, since, whose = {}, {}, {}
  end
  if merchant then
    whose[subject] = merchant
    charge(subject, now, 1)
    charge(merchant, now, KEYS)
  end
  if refused then
    recent[subject], before[subject] = nil, nil
  elseif accepted and recent[subject] == nil then
    recent[subject] = true
    count = count + 1
  end
end
