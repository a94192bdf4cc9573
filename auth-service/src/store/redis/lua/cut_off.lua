-- KEYS: the revocations. ARGV: now, name, target, issued_before, expiry. Revokes, and ends what could lead to another token
-- of the user or client. Tokens that were issued while the revocation was on its way are named (`Trail::overtaken`).
local now, name, issued_before = tonumber(ARGV[1]), ARGV[2], ARGV[4]
append(name, ARGV[3], issued_before, ARGV[5], now)
local kind, who = string.sub(name, 1, 2), string.sub(name, 3)
local index = (kind == 'u:' and user_index(who)) or (kind == 'c:' and client_index(who))
if index then
  for _, key in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    for _, token in ipairs(tokens_of(redis.call('HGET', key, 'issued'))) do
      if token.issued_at > tonumber(issued_before) then append_token(token, now) end
    end
    forget(key)
  end
end
return answer('done')
