-- KEYS: the users. Gives their names. Of a user whose records the server removed, nobody has said so.
local names = {}
for _, user in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', user_index(user)) == 1 then
    names[#names + 1] = user
  else
    redis.call('SREM', KEYS[1], user)
  end
end
return names
