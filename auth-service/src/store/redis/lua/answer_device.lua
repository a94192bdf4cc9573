-- KEYS: the user code. ARGV: now, then what is granted, as a code keeps it: record, access, family, user, client, and the browser session in
-- which it is granted (or nothing: the answer is no).
if not is_live(KEYS[1], ARGV[1]) then return answer('unknown') end
if ARGV[2] and not is_signed_in(ARGV[7], ARGV[5], ARGV[1]) then return answer('unknown') end
local device = redis.call('HGET', KEYS[1], 'device')
forget(KEYS[1])
local ends = redis.call('HMGET', device, 'expires_at', 'answer_by')
if not ends[1] then return answer('unknown') end
redis.call('HSET', device, 'granted', ARGV[2] and '1' or '0')
if ARGV[2] then
  local code = ROOT .. 'code:' .. string.sub(device, #(ROOT .. 'device:') + 1)
  redis.call('DEL', code)
  redis.call('HSET', code, 'expires_at', ends[1], 'record', ARGV[2], 'access', ARGV[3], 'family', ARGV[4],
    'redeem_by', ends[2], 'user', ARGV[5], 'client', ARGV[6])
  keep(code, ends[1], ARGV[5], ARGV[6])
end
return answer('done')
