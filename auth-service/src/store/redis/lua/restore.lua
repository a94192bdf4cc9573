-- KEYS: the names. ARGV: now, '1' if what is there may go, the new epoch, then name, target, issued_before and expiry of a revocation, then
-- key, expiry, digest of the registration token and record of each client.
local now, issued_before = tonumber(ARGV[1]), tonumber(ARGV[6])
local is_empty = redis.call('ZCARD', KEYS[1]) == 0 and redis.call('XLEN', REVOCATIONS) == 0
if ARGV[2] ~= '1' and not is_empty then return answer('occupied') end

-- What the one revocation does not kill: tokens that were issued after it was made, or by a clock that is ahead.
local standing, overtaken, assertions = {}, {}, {}
for _, entry in ipairs(redis.call('XRANGE', REVOCATIONS, '-', '+')) do
  local name, target, expires_at = entry[2][2], entry[2][4], entry[2][6]
  local before = string.match(redis.call('HGET', REVOKED, name) or '', '^%d+ (%d*) ') or ''
  if now < tonumber(expires_at) and (before == '' or tonumber(before) > issued_before) then
    standing[#standing + 1] = { name, target, before, expires_at }
  end
end
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(key, 1, #ASSERTION) == ASSERTION then
    assertions[#assertions + 1] = { key, redis.call('HGET', key, 'expires_at') }
  else
    for _, token in ipairs(overtaken_of(key, issued_before)) do overtaken[#overtaken + 1] = token end
    forget(key)
  end
end
redis.call('DEL', KEYS[1], EXPIRY, USERS, REVOCATIONS, REVOKED)
-- The sequence goes on: a number never names two revocations.
redis.call('SET', ROOT .. 'epoch', ARGV[3])
append(ARGV[4], ARGV[5], ARGV[6], ARGV[7], now)
for _, entry in ipairs(standing) do append(entry[1], entry[2], entry[3], entry[4], now) end
for _, token in ipairs(overtaken) do append_token(token, now) end
-- An assertion that was shown is not shown again (C-07).
for _, assertion in ipairs(assertions) do
  if assertion[2] then keep(assertion[1], assertion[2], '', '') end
end
for i = 8, #ARGV, 4 do
  redis.call('HSET', ARGV[i], 'expires_at', ARGV[i + 1], 'registration', ARGV[i + 2], 'record', ARGV[i + 3])
  keep(ARGV[i], ARGV[i + 1], '', '')
end
return answer('done')
