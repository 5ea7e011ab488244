-- HEAD is GET whose body stays here (RFC 9110, section 9.3.2): the transcoder knows no HEAD.
function envoy_on_request(handle)
  handle:headers():replace(":method", "GET")
end

function envoy_on_response(handle)
  for chunk in handle:bodyChunks() do
    chunk:setBytes("")
  end
end
