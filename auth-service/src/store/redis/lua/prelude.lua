-- What the scripts share. Constants that Rust knows stand in front of it: LEEWAY, MAX_TOKENS, MAX_RETIRED, MAX_FAMILIES,
-- LONGEST_ACCESS_TOKEN, MARGIN, CUT, FIRST_INTERVAL, SLOW_DOWN. Names without KEYS are of records that only an index knows; they share the hash tag.

local ROOT = '{oauth}:'
local EXPIRY = ROOT .. 'expiry'
local NAMES = ROOT .. 'names'
local USERS = ROOT .. 'users'
local REVOCATIONS = ROOT .. 'revocations'
local REVOKED = ROOT .. 'revoked'
local SEQUENCE = ROOT .. 'sequence'
local ENTRY = REVOCATIONS .. '#'
local REMEMBERED = ROOT .. 'remembered:'
local ASSERTION = ROOT .. 'assertion:'

-- What revokes must be possible when the memory is full: Redis looks at it before the first write, and this one takes none.
local function free_to_write() redis.call('DEL', ROOT .. 'nothing') end

local function family_key(id) return ROOT .. 'family:' .. id end
local function user_index(user) return ROOT .. 'user_tokens:' .. user end
local function client_index(client) return ROOT .. 'client_tokens:' .. client end
local function remembered_index(client) return ROOT .. 'client_remembered:' .. client end

-- The records of one kind that a client has of a user. There is no space in the name of a client.
local function held_index(kind, client, user) return ROOT .. 'held:' .. kind .. ':' .. client .. ' ' .. user end

-- What lists a record by whose it is.
local function indexes(key, user, client)
  local all = {}
  if user ~= '' then all[#all + 1] = user_index(user) end
  if client ~= '' then all[#all + 1] = client_index(client) end
  if user ~= '' and client ~= '' then
    all[#all + 1] = held_index(string.match(key, '^{oauth}:(%a+):'), client, user)
  end
  if string.sub(key, 1, #REMEMBERED) == REMEMBERED then all[#all + 1] = remembered_index(client) end
  return all
end

local function since(later, earlier) return math.max(later - earlier, 0) end

-- A key outlives its record by MARGIN: the purge removes it by the caller's clock, and the server's only when nobody
-- purges any more. Counted from the server's present, so that a server whose clock is ahead removes nothing early.
local function life(expires_at)
  local present = tonumber(redis.call('TIME')[1])
  return since(tonumber(expires_at), present) + MARGIN
end

local function list(index, key, expires_at, seconds)
  redis.call('ZADD', index, expires_at, key)
  if redis.call('TTL', index) < seconds then redis.call('EXPIRE', index, seconds) end
end

-- Whether a record is there and has not expired.
local function is_live(key, now)
  local expires_at = redis.call('HGET', key, 'expires_at')
  return expires_at and tonumber(now) < tonumber(expires_at)
end

-- Lists a record where the purge, a cut and an operator find it. It may be listed already.
local function keep(key, expires_at, user, client)
  local seconds = life(expires_at)
  redis.call('ZADD', EXPIRY, expires_at, key)
  redis.call('ZADD', NAMES, 0, key)
  redis.call('EXPIRE', key, seconds)
  for _, index in ipairs(indexes(key, user, client)) do list(index, key, expires_at, seconds) end
  if user ~= '' then redis.call('SADD', USERS, user) end
end

-- Writes a record, replacing what was there, with fields and their values.
local function put(key, expires_at, user, client, ...)
  -- Redis looks at its memory before the first write only: that must be one that takes memory, or strangers could fill it.
  if redis.call('EXISTS', key) == 1 then redis.call('DEL', key) end
  redis.call('HSET', key, 'expires_at', expires_at, ...)
  if user ~= '' then redis.call('HSET', key, 'user', user) end
  if client ~= '' then redis.call('HSET', key, 'client', client) end
  keep(key, expires_at, user, client)
end

-- Whether a browser session is there, has not expired and is this user's.
local function is_signed_in(session, user, now)
  return is_live(session, now) and redis.call('HGET', session, 'user') == user
end

-- Removes a record and what lists it.
local function forget(key)
  local names = redis.call('HMGET', key, 'user', 'client')
  redis.call('DEL', key)
  redis.call('ZREM', EXPIRY, key)
  redis.call('ZREM', NAMES, key)
  local user, client = names[1] or '', names[2] or ''
  for _, index in ipairs(indexes(key, user, client)) do redis.call('ZREM', index, key) end
  if user ~= '' and redis.call('EXISTS', user_index(user)) == 0 then redis.call('SREM', USERS, user) end
end

-- Access tokens, oldest first, as 'jti,iat,exp jti,iat,exp'.
local function tokens_of(text)
  local tokens = {}
  for id, issued_at, expires_at in string.gmatch(text or '', '([^,%s]+),(%d+),(%d+)') do
    tokens[#tokens + 1] = { id = id, issued_at = tonumber(issued_at), expires_at = tonumber(expires_at) }
  end
  return tokens
end

local function text_of(tokens)
  local parts = {}
  for i, token in ipairs(tokens) do
    parts[i] = string.format('%s,%.0f,%.0f', token.id, token.issued_at, token.expires_at)
  end
  return table.concat(parts, ' ')
end

-- `Trail::remember`: adds a token and drops those that have expired. Of more than MAX_TOKENS the oldest go; gives the
-- rest, and when the last of those that went too early expires.
local function remember(tokens, forgotten_until, token, now)
  local kept = {}
  for _, known in ipairs(tokens) do
    if now < known.expires_at + LEEWAY then kept[#kept + 1] = known end
  end
  kept[#kept + 1] = token
  while #kept > MAX_TOKENS do
    forgotten_until = math.max(forgotten_until, table.remove(kept, 1).expires_at)
  end
  return kept, forgotten_until
end

-- What this script has revoked, as number, target, expiry for each: the end of every answer.
local revoked = {}

local function drop_entry(number)
  local id = number .. '-0'
  local found = redis.call('XRANGE', REVOCATIONS, id, id)
  if found[1] then
    local name = found[1][2][2]
    local known = redis.call('HGET', REVOKED, name)
    if known and string.match(known, '^%d+') == number then redis.call('HDEL', REVOKED, name) end
    redis.call('XDEL', REVOCATIONS, id)
  end
  redis.call('ZREM', EXPIRY, ENTRY .. number)
end

-- `Revocation::includes` on what is known of a name: a token is dead or not, of a user or client the later cut counts.
local function includes(one_before, one_end, other_before, other_end)
  return one_before == '' or
    (tonumber(one_before) >= tonumber(other_before) and tonumber(one_end) >= tonumber(other_end))
end

-- Appends a revocation of what `name` says, unless it is revoked already. An older one that it includes goes.
local function append(name, target, issued_before, expires_at, now)
  local known = redis.call('HGET', REVOKED, name)
  if known then
    local number, before, finish = string.match(known, '^(%d+) (%d*) (%d+)$')
    local is_live = now < tonumber(finish)
    if is_live and includes(before, finish, issued_before, expires_at) then return end
    if not is_live or includes(issued_before, expires_at, before, finish) then drop_entry(number) end
  end
  local number = string.format('%.0f', redis.call('INCR', SEQUENCE))
  redis.call('XADD', REVOCATIONS, number .. '-0', 'name', name, 'target', target, 'expires_at', expires_at)
  redis.call('HSET', REVOKED, name, number .. ' ' .. issued_before .. ' ' .. expires_at)
  redis.call('ZADD', EXPIRY, expires_at, ENTRY .. number)
  revoked[#revoked + 1] = number
  revoked[#revoked + 1] = target
  revoked[#revoked + 1] = expires_at
end

local function append_token(token, now)
  local expires_at = string.format('%.0f', token.expires_at + LEEWAY)
  append('t:' .. token.id, cjson.encode({ jti = token.id }), '', expires_at, now)
end

-- `Trail::revocations`: revokes everything that a grant has led to. With a token that was forgotten too early, all of
-- its user's go.
local function append_trail(tokens, forgotten_until, user, now)
  for _, token in ipairs(tokens) do
    if now < token.expires_at + LEEWAY then append_token(token, now) end
  end
  if forgotten_until > 0 and now < forgotten_until + LEEWAY then
    local expires_at = string.format('%.0f', now + LONGEST_ACCESS_TOKEN + LEEWAY)
    append('u:' .. user, cjson.encode({ sub = user, issued_before = now }), string.format('%.0f', now), expires_at, now)
  end
end

-- Revokes what came from a record, then removes it. One that is gone stays gone.
local function end_record(key, now)
  local state = redis.call('HMGET', key, 'user', 'issued', 'forgotten_until')
  if not state[1] then return end
  append_trail(tokens_of(state[2]), tonumber(state[3] or 0), state[1], now)
  forget(key)
end

-- `Trail::overtaken`: the access tokens that a record led to after `issued_before`.
local function overtaken_of(key, issued_before)
  local late = {}
  for _, token in ipairs(tokens_of(redis.call('HGET', key, 'issued'))) do
    if token.issued_at > issued_before then late[#late + 1] = token end
  end
  return late
end

-- Revokes, and ends what could lead to another token of the user or client. Tokens that were issued while the revocation
-- was on its way are named (`Trail::overtaken`). Gives whether that is all: nobody is kept waiting for more than CUT records, and whoever
-- asks goes on.
local function cut_off(now, name, target, issued_before, expires_at)
  append(name, target, issued_before, expires_at, now)
  local kind, who = string.sub(name, 1, 2), string.sub(name, 3)
  local index = (kind == 'u:' and user_index(who)) or (kind == 'c:' and client_index(who))
  if not index then return true end
  if kind == 'u:' then forget(ROOT .. 'person:' .. who) end
  for _, key in ipairs(redis.call('ZRANGE', index, 0, CUT - 1)) do
    for _, token in ipairs(overtaken_of(key, tonumber(issued_before))) do append_token(token, now) end
    forget(key)
    -- Of a record that the server removed, nobody says whose it was.
    redis.call('ZREM', index, key)
  end
  return redis.call('EXISTS', index) == 0
end

-- Every answer: a word, what goes with it, what was revoked.
local function answer(word, payload)
  local parts = { word, payload or '' }
  for _, part in ipairs(revoked) do parts[#parts + 1] = part end
  return parts
end
