-- KEYS: the family. ARGV: now, digest of the token that is presented, digest of its successor, grace, the family's new
-- expiry, then the access token that is issued: jti, iat, exp; then id, record and expiry of a client that must still be as it was
-- seen (or nothing). Who is too late ends the family.
local now, presented, successor, grace = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
if ARGV[9] then
  local client = redis.call('HMGET', ROOT .. 'client:' .. ARGV[9], 'record', 'expires_at')
  local is_the_same = client[1] == ARGV[10] and client[2] == ARGV[11]
  if not is_the_same or now >= tonumber(client[2]) then return answer('changed') end
end
local names = { 'expires_at', 'current', 'retired', 'issued', 'forgotten_until', 'user', 'client' }
local family = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do family[names[i]] = value end
if not family.current or now >= tonumber(family.expires_at) then return answer('unknown') end

-- Tokens that were traded a moment ago, oldest first, as 'digest,when digest,when'.
local retired, position = {}, nil
for digest, at in string.gmatch(family.retired or '', '([^,%s]+),(%d+)') do
  if since(now, tonumber(at)) < grace then
    retired[#retired + 1] = digest .. ',' .. at
    if digest == presented and not position then position = #retired end
  end
end

local function remember_issued()
  local token = { id = ARGV[6], issued_at = tonumber(ARGV[7]), expires_at = tonumber(ARGV[8]) }
  local tokens, forgotten_until =
    remember(tokens_of(family.issued), tonumber(family.forgotten_until or 0), token, now)
  redis.call('HSET', KEYS[1], 'issued', text_of(tokens), 'forgotten_until', string.format('%.0f', forgotten_until))
end

if family.current == presented then
  retired[#retired + 1] = presented .. ',' .. ARGV[1]
  while #retired > MAX_RETIRED do table.remove(retired, 1) end
  remember_issued()
  redis.call('HSET', KEYS[1], 'current', successor, 'retired', table.concat(retired, ' '), 'expires_at', ARGV[5])
  keep(KEYS[1], ARGV[5], family.user, family.client)
  return answer('fresh')
end
if position then
  remember_issued()
  return answer('again', tostring(#retired - position + 1))
end
end_record(KEYS[1], now)
return answer('reused')
