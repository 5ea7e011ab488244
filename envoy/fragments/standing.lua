-- Whose requests were accepted lately, by the header SUBJECT: "known" to the filters that follow, all others "stranger".
-- It decides nothing but who is asked for a key before its body is taken, and who shares the bucket of an address.
local SUBJECT, SECONDS, SIZE = @subject@, @seconds@, @size@
local NAMESPACE = "fusionxpay.standing"
-- what is longer is kept of nobody: with spaces in it, one key would have as many forms as memory has room for
local LONGEST = 128
-- two generations, so that neither time nor number of entries has to be looked after one by one
local recent, before, count, turned = {}, {}, 0, os.time()

function envoy_on_request(handle)
  local subject = handle:headers():get(SUBJECT)
  if subject and #subject > LONGEST then
    subject = nil
  end
  local metadata = handle:streamInfo():dynamicMetadata()
  if subject and (recent[subject] or before[subject]) then
    metadata:set(NAMESPACE, "is", "known")
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
  if not accepted and not refused then
    return
  end
  local said = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  local subject = said and said["subject"]
  if subject == nil then
    return
  end
  local now = os.time()
  if count >= SIZE or now - turned >= SECONDS then
    recent, before, count, turned = {}, recent, 0, now
  end
  if refused then
    recent[subject], before[subject] = nil, nil
  elseif recent[subject] == nil then
    recent[subject] = true
    count = count + 1
  end
end
