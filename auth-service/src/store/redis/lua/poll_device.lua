-- KEYS: the device. ARGV: now, the client that asks. `Pace::ask` while it waits.
local now = tonumber(ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'expires_at', 'asker', 'granted', 'answer_by', 'interval', 'asked_at')
if not state[1] or now >= tonumber(state[1]) or state[2] ~= ARGV[2] then return answer('unknown') end
if state[3] then return answer(state[3] == '1' and 'granted' or 'denied') end
if now >= tonumber(state[4]) then return answer('expired') end
local interval = tonumber(state[5])
local is_early = state[6] and since(now, tonumber(state[6])) + 1 < interval
if is_early then interval = interval + SLOW_DOWN end
redis.call('HSET', KEYS[1], 'asked_at', ARGV[1], 'interval', string.format('%.0f', interval))
return answer(is_early and 'too soon' or 'pending')
