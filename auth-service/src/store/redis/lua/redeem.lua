-- KEYS: the code. ARGV: now, then what it is redeemed for: jti, iat, exp (or nothing: it is burned), then the digest of the
-- family's first refresh token and the family's expiry (or nothing).
local now = tonumber(ARGV[1])
local names = { 'record', 'access', 'family', 'user', 'client', 'expires_at', 'redeem_by', 'spent', 'issued' }
local code = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do code[names[i]] = value end
if not code.record or now >= tonumber(code.expires_at) then return answer('unknown') end

if code.spent then
  append_trail(tokens_of(code.issued), 0, code.user, now)
  end_record(family_key(code.family), now)
  return answer('replayed', code.record)
end
if now >= tonumber(code.redeem_by) then return answer('unknown') end

redis.call('HSET', KEYS[1], 'spent', '1')
local issued = ARGV[2] and table.concat({ ARGV[2], ARGV[3], ARGV[4] }, ',')
if ARGV[5] then
  -- Of a user's families of one client, those that were not used for longest make room.
  local held = held_index('family', code.client, code.user)
  for _, key in ipairs(redis.call('ZRANGE', held, 0, -MAX_FAMILIES)) do
    end_record(key, now)
    redis.call('ZREM', held, key)
  end
  local family = family_key(code.family)
  redis.call('DEL', family)
  redis.call('HSET', family, 'record', code.access, 'user', code.user, 'client', code.client,
    'expires_at', ARGV[6], 'current', ARGV[5], 'issued', issued, 'opened_at', ARGV[1])
  keep(family, ARGV[6], code.user, code.client)
elseif issued then
  local forgotten_at = string.format('%.0f', math.max(tonumber(code.expires_at), tonumber(ARGV[4]) + LEEWAY))
  redis.call('HSET', KEYS[1], 'issued', issued, 'expires_at', forgotten_at)
  keep(KEYS[1], forgotten_at, code.user, code.client)
end
return answer('first', code.record)
