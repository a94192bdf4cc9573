-- KEYS: the records of a user. ARGV: now, the user, the client. Ends what the user has granted to the client, what leads to more of it
-- first: at most CUT records, and whoever asks goes on. Gives whether there was anything.
free_to_write()
local room, word = CUT, 'nothing'
for _, kind in ipairs({ 'remembered', 'code', 'family' }) do
  local index = held_index(kind, ARGV[3], ARGV[2])
  for _, key in ipairs(redis.call('ZRANGE', index, 0, room - 1)) do
    if redis.call('EXISTS', key) == 1 then word = 'withdrawn' end
    end_record(key, tonumber(ARGV[1]))
    -- Of a record that the server removed, nobody says whose it was.
    redis.call('ZREM', index, key)
    room = room - 1
  end
  if room == 0 then return answer('more') end
end
return answer(word)
